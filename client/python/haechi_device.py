#!/usr/bin/env python3
"""A device of the profile signed-lines (docs/signature.md), in the standard library alone.
"haechi_device.py HOST:PORT DEVICE KEYID KEYFILE [CAFILE] < readings" sends each line of
JSON as a "reading" and prints what the server says; with CAFILE it speaks TLS.
"""
import hashlib, hmac, json, re, socket, ssl, sys, threading, time, unicodedata
ZEROS = "0" * 64

def sign_text(key_id, device, direction, nonce, stamp, event, blanked):
    """The text to sign for the bytes of a frame whose signature is zeros."""
    lines = ["haechi-sign/1", key_id, device, direction, nonce, stamp, event]
    control = any(unicodedata.category(c) in ("Cc", "Cs") for value in lines for c in value)
    text = "\n".join(lines + [hashlib.sha256(blanked).hexdigest()]).encode("utf-8", "surrogatepass")
    if control or not all(lines) or not re.fullmatch("[0-9]{13}", stamp) or len(text) > 4096:
        raise ValueError("a value that may not be signed")
    return text

def mac(secret, text): return hmac.new(secret, text, hashlib.sha256).hexdigest()

def frame(secret, key_id, device, seq, event, body, stamp=None):
    """One signed frame, without its line end."""
    stamp = stamp or int(time.time() * 1000)
    members = {"v": 1, "kid": key_id, "device": device, "dir": "up", "seq": seq, "ts": stamp, "event": event, "body": body, "sig": ZEROS}
    blanked = json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()
    text = sign_text(key_id, device, "up", str(seq), str(stamp), event, blanked)
    return blanked[:-66] + mac(secret, text).encode() + b'"}'  # sig is the last member

def main(server, device, key_id, key_file, ca_file=None):
    host, port = server.rsplit(":", 1)
    secret = open(key_file, "rb").read().strip()
    conn = socket.create_connection((host, int(port)), timeout=10)
    if ca_file:
        conn = ssl.create_default_context(cafile=ca_file).wrap_socket(conn, server_hostname=host)
    conn.settimeout(None)
    lock, proved, sequence = threading.Lock(), threading.Event(), iter(range(1, 2**53))

    def send(event, body):
        with lock:
            conn.sendall(frame(secret, key_id, device, next(sequence), event, body) + b"\n")

    def listen():
        for line in conn.makefile("rb"):
            said = json.loads(line)
            if said["event"] == "challenge":
                send("proof", {"nonce": said["nonce"]})
                proved.set()
            elif said["event"] == "ping":
                send("pong", said.get("body"))
            else:
                print(line.decode().rstrip(), flush=True)

    threading.Thread(target=listen, daemon=True).start()
    send("hello", {"version": "1.0"})
    if not proved.wait(10):
        sys.exit("the gateway did not ask for a proof")
    for line in sys.stdin:
        send("reading", json.loads(line))

if __name__ == "__main__":
    main(*sys.argv[1:])
