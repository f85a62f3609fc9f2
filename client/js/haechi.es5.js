/*
 * Haechi for MessengerBotR scripts: signs frames so that the gateway (and nobody
 * else) believes them, and keeps a connection to it. One file, ES5, for Rhino on a
 * phone; without Java (in Node, say) everything but the connection works too.
 *
 *   var bot = new Haechi.Client({
 *     servers: ["gate.example.com:1491"],
 *     botName: "LOA.i", deviceID: "0123456789abcdef",
 *     keyId: "k1", secret: SECRET_KEY, salt: BOT_SALT, bind: true,
 *     tls: { ca: "/sdcard/msgbot/dev-ca.crt" },     // leave out for plain TCP
 *     onMessage: function (event, data, tail) { … }
 *   });
 *   bot.start();                                     // and bot.stop() in onStartCompile
 *   bot.say(room, sender, text);                     // false: the queue is full
 *
 * A script that has its own connection can take Haechi.frame alone:
 *
 *   line = Haechi.frame(identity, "message", data, Haechi.base64(text));
 *
 * What is signed, and why, is in docs/signature.md.
 */
var Haechi = (function () {
    "use strict";

    var VERSION = "haechi-sign/1";
    var ZEROS = "0000000000000000000000000000000000000000000000000000000000000000";
    var java = typeof Packages === "undefined" ? null : Packages.java;
    var ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    // ---- bytes -------------------------------------------------------------

    // utf8 gives the bytes of a text. A lone surrogate has none: that throws.
    function utf8(s) {
        var out = [], i, c, d;
        for (i = 0; i < s.length; i++) {
            c = s.charCodeAt(i);
            if (c >= 0xd800 && c <= 0xdfff) {
                d = i + 1 < s.length ? s.charCodeAt(i + 1) : 0;
                if (c >= 0xdc00 || d < 0xdc00 || d > 0xdfff) { throw new Error("Haechi: a lone surrogate"); }
                c = 0x10000 + (c - 0xd800) * 0x400 + (d - 0xdc00);
                i++;
            }
            if (c < 0x80) {
                out.push(c);
            } else if (c < 0x800) {
                out.push(0xc0 | c >> 6, 0x80 | c & 63);
            } else if (c < 0x10000) {
                out.push(0xe0 | c >> 12, 0x80 | c >> 6 & 63, 0x80 | c & 63);
            } else {
                out.push(0xf0 | c >> 18, 0x80 | c >> 12 & 63, 0x80 | c >> 6 & 63, 0x80 | c & 63);
            }
        }
        return out;
    }

    function hex(bytes) {
        var s = "", i, b;
        for (i = 0; i < bytes.length; i++) {
            b = bytes[i] & 255; // Java's bytes have a sign
            s += (b < 16 ? "0" : "") + b.toString(16);
        }
        return s;
    }

    function base64Bytes(b) {
        var s = "", i, n;
        for (i = 0; i < b.length; i += 3) {
            n = (b[i] & 255) << 16 | (i + 1 < b.length ? (b[i + 1] & 255) << 8 : 0) | (i + 2 < b.length ? b[i + 2] & 255 : 0);
            s += ALPHABET.charAt(n >> 18) + ALPHABET.charAt(n >> 12 & 63) +
                (i + 1 < b.length ? ALPHABET.charAt(n >> 6 & 63) : "=") + (i + 2 < b.length ? ALPHABET.charAt(n & 63) : "=");
        }
        return s;
    }

    // ---- SHA-256 and HMAC (FIPS 180-4, RFC 2104), for where Java is not ------

    // The constants are the first bits of the fractional parts of square and cube
    // roots of the first primes; to compute them is shorter than to list them.
    var START = [], ROUND = [];
    (function () {
        var found = 0, n, d, prime;
        function bits(x) { return (x - Math.floor(x)) * 0x100000000 | 0; }
        for (n = 2; found < 64; n++) {
            prime = true;
            for (d = 2; d * d <= n; d++) { if (n % d === 0) { prime = false; break; } }
            if (prime) {
                if (found < 8) { START.push(bits(Math.pow(n, 1 / 2))); }
                ROUND.push(bits(Math.pow(n, 1 / 3)));
                found++;
            }
        }
    }());

    function turn(x, n) { return x >>> n | x << 32 - n; }

    function sha256(message) {
        var m = message.slice(0), length = message.length, h = START.slice(0), w = [], out = [], i, j, s, t, u, v;
        m.push(0x80);
        while (m.length % 64 !== 56) { m.push(0); }
        for (i = 7; i >= 0; i--) { m.push(Math.floor(length * 8 / Math.pow(256, i)) & 255); }
        for (i = 0; i < m.length; i += 64) {
            s = h.slice(0);
            for (j = 0; j < 64; j++) {
                if (j < 16) {
                    w[j] = m[i + 4 * j] << 24 | m[i + 4 * j + 1] << 16 | m[i + 4 * j + 2] << 8 | m[i + 4 * j + 3];
                } else {
                    t = w[j - 15];
                    u = w[j - 2];
                    w[j] = w[j - 16] + (turn(t, 7) ^ turn(t, 18) ^ t >>> 3) + w[j - 7] + (turn(u, 17) ^ turn(u, 19) ^ u >>> 10) | 0;
                }
                t = s[7] + (turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25)) + (s[4] & s[5] ^ ~s[4] & s[6]) + ROUND[j] + w[j] | 0;
                v = (turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22)) + (s[0] & s[1] ^ s[0] & s[2] ^ s[1] & s[2]) | 0;
                s = [t + v | 0, s[0], s[1], s[2], s[3] + t | 0, s[4], s[5], s[6]];
            }
            for (j = 0; j < 8; j++) { h[j] = h[j] + s[j] | 0; }
        }
        for (i = 0; i < 8; i++) { out.push(h[i] >>> 24, h[i] >>> 16 & 255, h[i] >>> 8 & 255, h[i] & 255); }
        return out;
    }

    function hmac(key, message) {
        var inner = [], outer = [], i, k;
        if (key.length > 64) { key = sha256(key); }
        for (i = 0; i < 64; i++) {
            k = i < key.length ? key[i] : 0;
            inner.push(k ^ 0x36);
            outer.push(k ^ 0x5c);
        }
        return sha256(outer.concat(sha256(inner.concat(message))));
    }

    var plainCrypto = {
        hash: function (text) { return hex(sha256(utf8(text))); },
        mac: function (secret, text) { return hex(hmac(utf8(secret), utf8(text))); }
    };

    var javaCrypto = java && {
        bytes: function (text) { return new java.lang.String(text).getBytes("UTF-8"); },
        hash: function (text) { return hex(java.security.MessageDigest.getInstance("SHA-256").digest(this.bytes(text))); },
        mac: function (secret, text) {
            var m = Packages.javax.crypto.Mac.getInstance("HmacSHA256");
            m.init(new Packages.javax.crypto.spec.SecretKeySpec(this.bytes(secret), "HmacSHA256"));
            return hex(m.doFinal(this.bytes(text)));
        }
    };

    function crypto() { return javaCrypto || plainCrypto; }

    // ---- the text to sign ----------------------------------------------------

    function plain(value) {
        return typeof value === "string" && value !== "" && !/[\u0000-\u001f\u007f-\u009f]/.test(value);
    }

    // signText is the text to sign for a frame whose signature is zeros. v: keyId,
    // device, direction, nonce, timestamp, event. It throws if one may not be signed.
    function signText(v, blanked) {
        var lines = [VERSION, v.keyId, v.device, v.direction, v.nonce, v.timestamp, v.event], i, text;
        for (i = 0; i < lines.length; i++) {
            if (!plain(lines[i])) { throw new Error("Haechi: a value that may not be signed, line " + (i + 1)); }
        }
        if (!/^[0-9]{13}$/.test(v.timestamp)) { throw new Error("Haechi: the timestamp is not 13 digits"); }
        text = lines.concat(crypto().hash(blanked)).join("\n");
        if (utf8(text).length > 4096) { throw new Error("Haechi: the values are too long"); }
        return text;
    }

    // seal puts the signature where the frame has 64 zeros from at on.
    function seal(secret, v, frame, at) {
        if (frame.substring(at, at + 64) !== ZEROS) { throw new Error("Haechi: no place for a signature"); }
        utf8(frame); // throws where Java would write a question mark
        return frame.substring(0, at) + crypto().mac(secret, signText(v, frame)) + frame.substring(at + 64);
    }

    // ---- frames ----------------------------------------------------------------

    var lastStamp = 0, counter = 0;

    // stamp is the time in Unix milliseconds, never the same twice: frames of one
    // millisecond would have equal older signatures.
    function stamp() {
        lastStamp = Math.max(new Date().getTime(), lastStamp + 1);
        return lastStamp;
    }

    // nonce is unique; that nobody guesses it is not needed, since it is signed.
    function nonce() {
        if (java) { return String(java.util.UUID.randomUUID().toString()); }
        counter++;
        return [new Date().getTime(), counter, Math.floor(Math.random() * 0x100000000), Math.floor(Math.random() * 0x100000000)].join("-") + "-nonce";
    }

    // tidy copies a value without what no frame may hold: NUL and lone surrogates
    // become U+FFFD. A chat's text is not ours to trust.
    function tidy(v) {
        var out, k;
        if (typeof v === "string") {
            return v.replace(/\u0000/g, "\ufffd").replace(/[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]/g, function (s) { return s.length === 2 ? s : "\ufffd"; });
        }
        if (Object.prototype.toString.call(v) === "[object Array]") {
            out = [];
            for (k = 0; k < v.length; k++) { out.push(tidy(v[k])); }
            return out;
        }
        if (v && typeof v === "object" && typeof v.toJSON !== "function") {
            out = {};
            for (k in v) { if (Object.prototype.hasOwnProperty.call(v, k)) { out[tidy(k)] = tidy(v[k]); } }
            return out;
        }
        return v;
    }

    // legacy is the older signature, over who and when.
    function legacy(id, auth) {
        var fields = [auth.clientType, auth.botName, auth.deviceUUID, auth.macAddress, auth.ipAddress, String(auth.timestamp)], i;
        for (i = 0; i < fields.length; i++) {
            if (fields[i].indexOf("|") >= 0) { throw new Error("Haechi: a field holds the delimiter"); }
        }
        return crypto().mac(id.secret, fields.concat(id.salt).join("|"));
    }

    // frame is one signed line of the messengerbot protocol, without its line end. id:
    // botName, deviceID, secret, salt; keyId with bind; and, if they are not the usual,
    // deviceUUID, macAddress, ipAddress, version. tail is base64 text or nothing.
    function frame(id, event, data, tail) {
        var body = tidy(data || {}), auth = {
            clientType: "MessengerBotR", botName: id.botName, deviceUUID: id.deviceUUID || id.deviceID, deviceID: id.deviceID,
            macAddress: id.macAddress || "02:00:00:00:00:00", ipAddress: id.ipAddress || "unknown",
            timestamp: id.timestamp || stamp(), version: id.version || "3.3.3"
        }, line;
        delete body.auth;
        auth.signature = legacy(id, auth);
        if (id.bind) {
            auth.keyId = id.keyId;
            auth.nonce = id.nonce || nonce();
            auth.bind = ZEROS;
        }
        body.auth = auth; // the last member, so that the last zeros are the signature's
        line = JSON.stringify({ event: event, data: body });
        if (!id.bind) { return line + (tail || ""); }
        return seal(id.secret, {
            keyId: id.keyId, device: id.botName + "/" + id.deviceID, direction: "up", nonce: auth.nonce,
            timestamp: String(auth.timestamp), event: event
        }, line + (tail || ""), line.lastIndexOf(ZEROS));
    }

    // line is one signed frame of the profile signed-lines. id: keyId, device, secret.
    function line(id, seq, event, body) {
        var t = id.timestamp || stamp(), f = { v: 1, kid: id.keyId, device: id.device, dir: "up", seq: seq, ts: t, event: event }, s;
        if (body !== undefined) { f.body = tidy(body); }
        f.sig = ZEROS;
        s = JSON.stringify(f);
        return seal(id.secret, { keyId: id.keyId, device: id.device, direction: "up", nonce: String(seq), timestamp: String(t), event: event }, s, s.lastIndexOf(ZEROS));
    }

    function iso() { return new Date().toISOString(); }

    function chat(room, sender, text, more) {
        var data = more || {}, tail = base64Bytes(utf8(tidy(text)));
        data.room = room;
        data.sender = sender;
        data.message_type = "text";
        data.content_encoding = "base64";
        data.message_positions = [0, tail.length];
        data.timestamp = iso();
        data.timezone = "Asia/Seoul";
        return { event: "message", data: data, tail: tail };
    }

    // ---- the connection (needs Java) ------------------------------------------

    var SECOND = 1000, SETTLED = 30 * SECOND, HELD = 120 * SECOND, RESEND = 60 * SECOND, HANDSHAKE = 15 * SECOND, SILENT = 600 * SECOND;
    var MAX_LINE = 32 * 1024 * 1024;

    // delay is the wait after n failures in a row, in milliseconds: 1, 2, 4 … 60 s,
    // a half of it by chance, so that a fleet does not come back at once.
    function delay(n) {
        var d = Math.min(60 * SECOND, SECOND * Math.pow(2, Math.min(n, 10)));
        return Math.floor(d / 2 + Math.random() * d / 2);
    }

    // Client keeps a connection. config: servers (host:port), what frame wants of an
    // identity, and: tls ({ca: file, pins: [base64 of SHA-256 of the server's public key]}
    // or true), queue (frames, 1,024), onMessage(event, data, tail), onState(text).
    // onMessage is called by the thread that reads: it must return soon.
    function Client(config) {
        var self = this;
        if (!java) { throw new Error("Haechi: a connection needs Java"); }
        this.config = config;
        this.queue = new java.util.concurrent.LinkedBlockingDeque(); // send bounds it
        this.urgent = new java.util.concurrent.LinkedBlockingQueue(64);
        this.ending = new java.util.concurrent.CountDownLatch(1);
        this.counts = {};
        ["connects", "opened", "sent", "resent", "answered", "received", "dropped", "expired", "refused", "unreadable"].forEach(function (name) {
            self.counts[name] = new java.util.concurrent.atomic.AtomicLong();
        });
    }

    Client.prototype = {
        start: function () {
            var self = this;
            if (this.thread) { return; }
            this.thread = new java.lang.Thread(new java.lang.Runnable({ run: function () { self.run(); } }), "haechi");
            this.thread.setDaemon(true);
            this.thread.start();
        },

        // stop ends the connection and waits until it has, at most five seconds.
        stop: function () {
            this.ending.countDown();
            if (this.socket) { close(this.socket); }
            if (this.thread) { this.thread.join(5 * SECOND); }
        },

        stats: function () {
            var out = {}, name;
            for (name in this.counts) { if (this.counts.hasOwnProperty(name)) { out[name] = Number(this.counts[name].get()); } }
            return out;
        },

        // send queues a frame. It is signed when it is written. False: the queue is full.
        send: function (event, data, tail) {
            if (this.queue.size() >= (this.config.queue || 1024)) {
                this.counts.dropped.incrementAndGet();
                return false;
            }
            this.queue.offerLast({ event: event, data: data, tail: tail });
            return true;
        },

        say: function (room, sender, text, more) {
            var m = chat(room, sender, text, more);
            return this.send(m.event, m.data, m.tail);
        },

        state: function (text) { if (this.config.onState) { this.config.onState(text); } },

        run: function () {
            var failed = 0, at = 0, worked, address;
            while (this.ending.getCount() > 0) {
                address = this.config.servers[at % this.config.servers.length];
                worked = 0;
                try {
                    worked = this.attempt(address);
                } catch (e) {
                    this.state("not connected to " + address + ": " + e);
                }
                if (!worked) { at++; } // it did not let us in: ask the next one
                if (worked >= SETTLED) { failed = 0; }
                this.ending.await(delay(failed), java.util.concurrent.TimeUnit.MILLISECONDS);
                failed++;
            }
        },

        // attempt lives on one connection and returns for how long the device was let in.
        attempt: function (address) {
            var self = this, colon = address.lastIndexOf(":"), socket, reader, session;
            socket = connect(address.substring(0, colon), Number(address.substring(colon + 1)), this.config.tls);
            this.socket = socket;
            this.counts.connects.incrementAndGet();
            this.config.ipAddress = String(socket.getLocalAddress().getHostAddress());
            session = { open: 0, done: new java.util.concurrent.atomic.AtomicBoolean(false), deadline: java.lang.System.currentTimeMillis() + HANDSHAKE, out: socket.getOutputStream() };
            this.urgent.clear();
            reader = new java.lang.Thread(new java.lang.Runnable({ run: function () { self.listen(socket, session); } }), "haechi-read");
            reader.setDaemon(true);
            reader.start();
            try {
                this.speak(session);
            } catch (e) {
                this.state("connection lost: " + e);
            } finally {
                session.done.set(true);
                close(socket);
                reader.join(5 * SECOND);
            }
            return session.open ? Math.max(1, java.lang.System.currentTimeMillis() - session.open) : 0;
        },

        // speak is the writing thread: hello, answers at once, frames once let in.
        speak: function (session) {
            var c = this.config, now, m, free;
            write(session, JSON.stringify({
                event: "handshake", data: {
                    clientType: "MessengerBotR", botName: c.botName, version: c.version || "3.3.3", deviceID: c.deviceID,
                    deviceIP: c.ipAddress, deviceInfo: c.deviceInfo || "", timestamp: iso(), timezone: "Asia/Seoul", message_positions: [0, 0]
                }
            }));
            while (!session.done.get() && this.ending.getCount() > 0) {
                now = java.lang.System.currentTimeMillis();
                if ((!session.open || session.refused) && now > session.deadline) { throw new Error("not let in in time"); }
                // Before the device is let in only the reader's answers count; then they
                // come first in the one queue, so that an idle phone sleeps.
                free = session.open && !session.refused; // else what it says would be thrown away
                m = this.urgent.poll(free ? 0 : 500, java.util.concurrent.TimeUnit.MILLISECONDS) ||
                    free && this.queue.pollFirst(1000, java.util.concurrent.TimeUnit.MILLISECONDS);
                if (m && m.open) {
                    session.open = now;
                    this.counts.opened.incrementAndGet();
                    this.state("open");
                    this.again(session, now);
                } else if (m && m.answer) {
                    if (m.session === session && m.event) {
                        write(session, frame(this.config, m.event, m.data));
                        this.counts.answered.incrementAndGet();
                    }
                } else if (m) {
                    this.deliver(session, m);
                }
            }
        },

        // answer gives the writing thread what must not wait behind the queue. Without
        // an event it only wakes it.
        answer: function (session, event, data) {
            var m = { answer: true, session: session, event: event, data: data };
            if (session.open && !session.refused) { this.queue.offerFirst(m); } else { this.urgent.offer(m); }
        },

        deliver: function (session, m) {
            var f;
            try {
                f = frame(this.config, m.event, m.data, m.tail);
            } catch (e) { // only this frame is wrong
                this.counts.unreadable.incrementAndGet();
                this.state("a frame cannot be signed: " + e);
                return;
            }
            this.resend = { frame: f, at: java.lang.System.currentTimeMillis() };
            if (session.done.get()) { return; }
            write(session, f);
            this.resend = null;
            this.counts.sent.incrementAndGet();
        },

        // again writes the frame whose writing failed before, the very same bytes, so
        // that the gateway can tell it from a replay.
        again: function (session, now) {
            var r = this.resend;
            if (!r) { return; }
            if (now - r.at > RESEND) {
                this.counts.expired.incrementAndGet();
            } else {
                write(session, r.frame);
                this.counts.resent.incrementAndGet();
                this.counts.sent.incrementAndGet();
            }
            this.resend = null;
        },

        // listen is the reading thread. Lines are cut as bytes, so that their length is
        // bounded before anything is made of them.
        listen: function (socket, session) {
            var buffer = java.lang.reflect.Array.newInstance(java.lang.Byte.TYPE, 16384), held = new java.lang.StringBuilder(), n, chunk, at;
            try {
                while ((n = socket.getInputStream().read(buffer)) >= 0) {
                    chunk = String(new java.lang.String(buffer, 0, n, "ISO-8859-1"));
                    while ((at = chunk.indexOf("\n")) >= 0) {
                        held.append(chunk.substring(0, at));
                        this.hear(String(new java.lang.String(new java.lang.String(held.toString()).getBytes("ISO-8859-1"), "UTF-8")).replace(/\r$/, ""), session);
                        held.setLength(0);
                        chunk = chunk.substring(at + 1);
                    }
                    held.append(chunk);
                    if (held.length() > MAX_LINE) { throw new Error("a line is too long"); }
                }
            } catch (e) {
                if (!session.done.get()) { this.state("connection lost: " + e); }
            } finally {
                session.done.set(true);
                this.answer(session);
                close(socket);
            }
        },

        // hear reads a line: an object, and what stands behind its last brace.
        hear: function (text, session) {
            var end = text.lastIndexOf("}") + 1, f, data;
            if (text === "") { return; }
            try {
                f = JSON.parse(text.substring(0, end));
            } catch (e) {
                this.counts.unreadable.incrementAndGet();
                return;
            }
            data = f.data || {};
            switch (f.event) {
            case "ping":
                this.answer(session, "pong", { bot_name: this.config.botName, server_timestamp: data.server_timestamp, timestamp: iso(), timezone: "Asia/Seoul", message_positions: [0, 0] });
                return;
            case "handshakeComplete":
                if (!data.success) { throw new Error("the server rejects this device"); }
                this.urgent.offer({ open: true });
                break;
            case "error":
                this.counts.refused.incrementAndGet();
                if (data.code !== "RATE_LIMIT") { // that is about one frame
                    session.refused = true;
                    session.deadline = java.lang.System.currentTimeMillis() + HELD; // it closes when somebody approves us
                }
                this.state("refused: " + data.code + ", reference " + data.reference);
                break;
            }
            this.counts.received.incrementAndGet();
            if (this.config.onMessage) {
                try {
                    this.config.onMessage(f.event, data, text.substring(end));
                } catch (e) {
                    this.state("onMessage: " + e);
                }
            }
        }
    };

    function write(session, text) {
        session.out.write(new java.lang.String(text + "\n").getBytes("UTF-8"));
        session.out.flush();
    }

    function close(socket) {
        try { socket.close(); } catch (e) { return; } // closed already
    }

    function connect(host, port, tls) {
        var socket = new java.net.Socket(), secure;
        try {
            socket.connect(new java.net.InetSocketAddress(host, port), 5 * SECOND);
            socket.setTcpNoDelay(true);
            socket.setKeepAlive(true);
            socket.setSoTimeout(tls ? HANDSHAKE : SILENT);
            if (!tls) { return socket; }
            secure = trust(tls.ca).createSocket(socket, host, port, true);
            checkName(secure, host);
            checkPins(secure, tls.pins);
            secure.setSoTimeout(SILENT); // the server pings far more often
            return secure;
        } catch (e) {
            close(socket);
            throw e;
        }
    }

    // trust is the phone's own trust, or that in one CA's file alone.
    function trust(file) {
        var ssl = Packages.javax.net.ssl, store, trusted, context, input;
        if (!file) { return ssl.SSLSocketFactory.getDefault(); }
        input = new java.io.FileInputStream(file);
        try {
            store = java.security.KeyStore.getInstance(java.security.KeyStore.getDefaultType());
            store.load(null, null);
            store.setCertificateEntry("haechi", java.security.cert.CertificateFactory.getInstance("X.509").generateCertificate(input));
        } finally {
            input.close();
        }
        trusted = ssl.TrustManagerFactory.getInstance(ssl.TrustManagerFactory.getDefaultAlgorithm());
        trusted.init(store);
        context = ssl.SSLContext.getInstance("TLS");
        context.init(null, trusted.getTrustManagers(), null);
        return context.getSocketFactory();
    }

    // checkName makes the handshake fail for another host's certificate; a TLS socket
    // of Java does not by itself. Android before 7 has another way to ask.
    function checkName(socket, host) {
        var parameters = socket.getSSLParameters(), inHandshake = typeof parameters.setEndpointIdentificationAlgorithm === "function";
        if (inHandshake) {
            parameters.setEndpointIdentificationAlgorithm("HTTPS");
            socket.setSSLParameters(parameters);
        }
        socket.startHandshake();
        if (!inHandshake && !Packages.javax.net.ssl.HttpsURLConnection.getDefaultHostnameVerifier().verify(host, socket.getSession())) {
            throw new Error("the certificate is not for " + host);
        }
    }

    function checkPins(socket, pins) {
        var key, digest;
        if (!pins) { return; }
        key = socket.getSession().getPeerCertificates()[0].getPublicKey().getEncoded();
        digest = base64Bytes(java.security.MessageDigest.getInstance("SHA-256").digest(key));
        if (pins.indexOf(digest) < 0 && pins.indexOf("sha256/" + digest) < 0) { throw new Error("the server's key is not pinned: " + digest); }
    }

    return {
        Client: Client, frame: frame, line: line, seal: seal, signText: signText, legacy: legacy, delay: delay,
        base64: function (text) { return base64Bytes(utf8(tidy(text))); },
        hash: function (text) { return crypto().hash(text); },
        mac: function (secret, text) { return crypto().mac(secret, text); },
        // withoutJava is the same with the hashes of this file alone, for tests.
        withoutJava: function (f) {
            var kept = javaCrypto;
            javaCrypto = null;
            try { return f(); } finally { javaCrypto = kept; }
        }
    };
}());
if (typeof module !== "undefined" && module.exports) { module.exports = Haechi; }
