#!/usr/bin/env python3
"""A verifier of docs/signature.md without clock and memory, written from that page
alone, for servers that want to check for themselves. It raises ValueError.

  haechi_verify.py docs/signature-vectors.json

checks the published vectors, and the sample device beside it against them.
"""
import json, re, sys
from haechi_device import ZEROS, frame as device_frame, mac, sign_text

KNOWN = {"signed-lines": "v kid device dir seq ts event body sig".split(),
         "messengerbot": "event data auth keyId botName deviceID nonce timestamp bind".split()}


class Digits(str):
    """A whole number as it is written."""


def refuse(wrong, why):
    if wrong:
        raise ValueError(why)


def strict(known):
    def hook(pairs):
        names = [n.casefold() for n, _ in pairs]
        refuse(len(set(names)) < len(names), "two names alike")
        refuse(any(n not in known and n.casefold() in [k.casefold() for k in known] for n, _ in pairs), "a known name but for case")
        return dict(pairs)
    return hook


def walk(value, depth=1):
    refuse(depth > 32, "too deep")
    if isinstance(value, dict):
        for name, item in value.items():
            walk(name, depth), walk(item, depth + isinstance(item, (dict, list)))
    elif isinstance(value, list):
        for item in value:
            walk(item, depth + isinstance(item, (dict, list)))
    elif isinstance(value, str):
        refuse("\0" in value, "NUL")
        value.encode()  # a lone surrogate raises UnicodeEncodeError, a ValueError


def blank(line, member, is_sig):
    """The frame with zeros for the signature, which is found by reading the JSON."""
    for m in re.finditer(rb'"%s"\s*:\s*"([0-9a-f]{64})"' % member, line):
        blanked = line[: m.start(1)] + ZEROS.encode() + line[m.end(1):]
        if is_sig(blanked):
            return m.group(1).decode(), blanked
    raise ValueError("no signature of 64 lower-case hex digits")


def verify(line, profile, direction, keys):
    """The text that was signed. keys: device, key id, secret."""
    refuse(b"\r" in line or b"\n" in line, "a line end")
    nothing = lambda name: refuse(True, name + " is no JSON")
    decoder = json.JSONDecoder(object_pairs_hook=strict(KNOWN[profile]), parse_int=Digits, parse_constant=nothing)
    source = line.decode("utf-8")
    refuse(not source.startswith("{"), "no object")
    f, end = decoder.raw_decode(source)
    walk(f)
    tail = source[end:]
    refuse(tail and (profile != "messengerbot" or f.get("event") != "message" or not re.fullmatch("[A-Za-z0-9+/=]*", tail)), "a tail")
    auth = f if profile == "signed-lines" else f.get("data", {}).get("auth", {})
    text_of = lambda v: v if isinstance(v, str) and not isinstance(v, Digits) else refuse(True, "no text")
    if profile == "signed-lines":
        refuse(not isinstance(f.get("v"), Digits) or f["v"] != "1", "version")
        key_id, device, member = text_of(f.get("kid")), text_of(f.get("device")), b"sig"
        way, nonce, stamp, last = text_of(f.get("dir")), f.get("seq"), f.get("ts"), device
        refuse(not isinstance(nonce, Digits) or not re.fullmatch("[1-9][0-9]{0,15}", nonce) or int(nonce) > 2**53 - 1, "sequence")
    else:
        bot, last, way, member = text_of(auth.get("botName")), text_of(auth.get("deviceID")), "up", b"bind"
        key_id, device, nonce, stamp = text_of(auth.get("keyId")), bot + "/" + last, text_of(auth.get("nonce")), auth.get("timestamp")
        refuse(not bot or not last or not re.fullmatch("[A-Za-z0-9_-]{16,64}", nonce), "nonce")
    refuse("/" in last or len(last) > 100, "device")
    refuse(not isinstance(stamp, Digits), "time")
    place = lambda b: (lambda g: (g if profile == "signed-lines" else g["data"]["auth"]).get(member.decode()) == ZEROS)(decoder.raw_decode(b.decode())[0])
    signature, blanked = blank(line, member, place)
    text = sign_text(key_id, device, way, nonce, stamp, text_of(f.get("event")), blanked)
    refuse(way != direction, "direction")
    refuse(mac(keys.get(device, {}).get(key_id, "").encode() or b"\0", text) != signature, "signature")
    return text.decode()


def main(path):
    with open(path, encoding="utf-8") as f:
        vectors = json.load(f)
    wrong, good, bad = [], 0, 0

    def judge(v, act, want):
        nonlocal good, bad
        good, bad = good + v["accept"], bad + (not v["accept"])
        try:
            accepted = act() == want
        except ValueError:
            accepted = False
        if accepted != v["accept"]:
            wrong.append(v["name"])

    for v in vectors["texts"]:
        text = lambda: sign_text(v["key_id"], v["device"], v["direction"], v["nonce"], v["timestamp"], v["event"], v["frame_blanked"].encode())
        judge(v, lambda: (text().decode(), mac(v["secret"].encode(), text())), (v.get("text"), v.get("signature")))
    for v in vectors["frames"]:
        line = bytes.fromhex(v["frame_hex"]) if "frame_hex" in v else v.get("frame", "").encode()
        judge(v, lambda: verify(line, v["profile"], v["direction"], vectors["keys"]), v.get("text"))
        if v["name"] in ("hello", "proof", "reading"):
            f = json.loads(line)
            made = device_frame(vectors["keys"][f["device"]][f["kid"]].encode(), f["kid"], f["device"], f["seq"], f["event"], f["body"], f["ts"])
            if made != line:
                wrong.append("the device makes another frame: " + v["name"])
    print("accepted %d, refused %d, wrong: %s" % (good, bad, wrong))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main(*sys.argv[1:])
