/* Holds haechi.es5.js against docs/signature-vectors.json, in Rhino and in Node:
 *   rhino -opt -1 check.js FOLDER VECTORS      node check.js FOLDER VECTORS
 */
var inNode = typeof require === "function" && typeof process !== "undefined";
var args = inNode ? process.argv.slice(2) : Array.prototype.slice.call(arguments, 0);
var read = inNode ? function (p) { return require("fs").readFileSync(p, "utf8"); } : function (p) { return String(readFile(p, "UTF-8")); };
var say = inNode ? console.log : print;
if (inNode) {
    var Haechi = require(require("path").resolve(args[0], "haechi.es5.js"));
} else {
    load(args[0] + "/haechi.es5.js");
}
var ZEROS = new Array(65).join("0");
var checked = 0, wrong = [];

function check(name, got, want) {
    checked++;
    if (got !== want) { wrong.push(name + ": " + got + ", want " + want); }
}

// attempt returns what f returns, or that it threw.
function attempt(f) {
    try { return f(); } catch (e) { return "refused"; }
}

// values of a frame as a signer of it would have them.
function valuesOf(v, f) {
    if (v.profile === "signed-lines") {
        return { keyId: f.kid, device: f.device, direction: f.dir, nonce: String(f.seq), timestamp: String(f.ts), event: f.event, member: "sig", signature: f.sig };
    }
    var a = f.data.auth;
    return { keyId: a.keyId, device: a.botName + "/" + a.deviceID, direction: "up", nonce: a.nonce, timestamp: String(a.timestamp), event: f.event, member: "bind", signature: a.bind };
}

function signsAs(v, keys) {
    var end = v.frame.lastIndexOf("}") + 1, f = JSON.parse(v.frame.substring(0, end)), x = valuesOf(v, f);
    var at = v.frame.lastIndexOf('"' + x.member + '"'), from = v.frame.indexOf(x.signature, at);
    if (f.v === 1 && v.profile === "signed-lines" && /"sig" : /.test(v.frame)) { from = v.frame.indexOf(x.signature); }
    var blanked = v.frame.substring(0, from) + ZEROS + v.frame.substring(from + 64);
    return { sealed: Haechi.seal(keys[x.device][x.keyId], x, blanked, from), text: Haechi.signText(x, blanked) };
}

function all(vectors) {
    vectors.texts.forEach(function (v) {
        var text = attempt(function () {
            return Haechi.signText({ keyId: v.key_id, device: v.device, direction: v.direction, nonce: v.nonce, timestamp: v.timestamp, event: v.event }, v.frame_blanked);
        });
        check("text " + v.name, text, v.accept ? v.text : "refused");
        if (v.accept) { check("mac " + v.name, Haechi.mac(v.secret, text), v.signature); }
    });
    vectors.frames.forEach(function (v) {
        if (v.accept) {
            var s = signsAs(v, vectors.keys);
            check("frame " + v.name, s.sealed, v.frame);
            check("text of frame " + v.name, s.text, v.text);
        } else if (v.check === "signature") {
            // Whoever signs it by the book makes another signature.
            check("frame " + v.name, attempt(function () { return signsAs(v, vectors.keys).sealed; }) === v.frame, false);
        }
    });
    ours(vectors);
}

// ours makes frames of the vectors from their parts.
function ours(vectors) {
    vectors.frames.forEach(function (v) {
        var end = v.frame ? v.frame.lastIndexOf("}") + 1 : 0, f, a, id, data, k;
        if (!v.accept || v.name === "another order, more members, white space") { return; }
        f = JSON.parse(v.frame.substring(0, end));
        if (v.profile === "signed-lines") {
            if (f.dir !== "up" || JSON.stringify(f) !== v.frame) { return; } // 2.50 and the like are spelled otherwise here
            check("line " + v.name, Haechi.line({ keyId: f.kid, device: f.device, secret: vectors.keys[f.device][f.kid], timestamp: f.ts }, f.seq, f.event, f.body), v.frame);
            return;
        }
        a = f.data.auth;
        id = { botName: a.botName, deviceID: a.deviceID, secret: vectors.keys[a.botName + "/" + a.deviceID][a.keyId], salt: vectors.salt, keyId: a.keyId, bind: true, ipAddress: a.ipAddress, timestamp: a.timestamp, nonce: a.nonce };
        data = {};
        for (k in f.data) { if (k !== "auth") { data[k] = f.data[k]; } }
        check("bound " + v.name, Haechi.frame(id, f.event, data, v.frame.substring(end)), v.frame);
        check("legacy " + v.name, Haechi.legacy(id, a), a.signature);
        id.bind = false;
        check("unbound " + v.name, /keyId|bind|nonce/.test(Haechi.frame(id, f.event, data, "")), false);
    });
    check("vector of the protocol", Haechi.legacy({ secret: "example-shared-key-do-not-use", salt: "example-salt" }, { clientType: "MessengerBotR", botName: "도매까봇", deviceUUID: "0123456789abcdef", macAddress: "02:00:00:00:00:00", ipAddress: "192.168.0.15", timestamp: 1753412789123 }),
        "1352c40a03b071fe8028f196fef275f6d5af0c2b9ea7283a88d018011c3c8879");
    check("delimiter", attempt(function () { return Haechi.frame({ botName: "a|b", deviceID: "1", secret: "s", salt: "x" }, "pong", {}); }), "refused");
    check("base64", Haechi.base64("안녕하세요 {}🌡"), "7JWI64WV7ZWY7IS47JqUIHt98J+MoQ==");
    check("a broken emoji and a NUL", Haechi.frame({ botName: "b", deviceID: "1", secret: "s", salt: "x", timestamp: 1753412789123 }, "message", { "t\u0000": "a\ud83dz\u0000", n: [1, null, "\udc00"] }, "").indexOf('"data":{"t\ufffd":"a\ufffdz\ufffd","n":[1,null,"\ufffd"],"auth"') > 0, true);
    var i, d, least = 1e9, most = 0;
    for (i = 0; i < 200; i++) {
        d = Haechi.delay(20);
        least = Math.min(least, d);
        most = Math.max(most, d);
    }
    check("longest delay", least >= 30000 && most <= 60000 && most - least > 10000, true);
    check("first delay", Haechi.delay(0) >= 500 && Haechi.delay(0) <= 1000, true);
    for (i = 50; i < 70; i++) { // around the length at which a block is full
        d = new Array(i + 1).join("k");
        check("hash of " + i, Haechi.hash(d), Haechi.withoutJava(function () { return Haechi.hash(d); }));
    }
}

var vectors = JSON.parse(read(args[1]));
all(vectors);
var withJava = checked;
Haechi.withoutJava(function () { all(vectors); });
say((wrong.length ? wrong.join("\n") + "\n" : "") + "engine " + (inNode ? "node" : "rhino") + ", checked " + checked + " (" + withJava + " with what the engine has), wrong: " + wrong.length);
if (wrong.length && inNode) { process.exitCode = 1; }
