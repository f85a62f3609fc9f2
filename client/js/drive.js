/* Runs the client in Rhino against a gateway, for the tests:
 *   rhino -opt -1 drive.js FOLDER CONFIG
 * CONFIG is the client's configuration as JSON, and room, sender, say (texts), want
 * (answers to wait for), opens (times to be let in), seconds. It prints one line an event, the last the counts.
 */
load(arguments[0] + "/haechi.es5.js");
var config = JSON.parse(String(readFile(arguments[1], "UTF-8")));
var answers = new java.util.concurrent.Semaphore(0), opens = new java.util.concurrent.Semaphore(0);
var lock = new java.util.concurrent.locks.ReentrantLock();

function say(text) {
    lock.lock();
    try { print(text); } finally { lock.unlock(); }
}

config.onState = function (text) { say("state " + text); };
config.onMessage = function (event, data, tail) {
    say("message " + event + " " + (data.room || "") + " " + tail);
    if (event === "messageResponse") { answers.release(); }
    if (event === "handshakeComplete") { opens.release(); }
};
var bot = new Haechi.Client(config);
config.say.forEach(function (text) {
    if (!bot.say(config.room, config.sender, text)) { say("the queue is full"); }
});
bot.start();
var all = answers.tryAcquire(config.want, config.seconds, java.util.concurrent.TimeUnit.SECONDS) &&
    opens.tryAcquire(config.opens || 1, config.seconds, java.util.concurrent.TimeUnit.SECONDS);
bot.stop();
say("counts " + JSON.stringify(bot.stats()));
say(all ? "all answered" : "not answered");
