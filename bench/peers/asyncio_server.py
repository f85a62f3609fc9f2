"""A minimal asyncio gateway for device frames: what a team writes first.

It checks what the device gate checks of each frame (JSON, names that agree, the
time, HMAC-SHA256, no signature twice, a limit for each device), writes a line for
each, and passes the frame on. It asks for no proof before it connects.

    asyncio_server.py LISTEN UPSTREAM KEYS LOG
"""

import asyncio
import hashlib
import hmac
import json
import signal
import sys
import time

WINDOW_MS = 300_000
LIMIT = 100_000_000  # frames a minute, above the offered rate
LINE = 1 << 20

decoder = json.JSONDecoder()
seen = {}
counts = {}


def check(line, bot, serial, key):
    frame, _ = decoder.raw_decode(line.decode())
    data = frame["data"]
    auth = data["auth"]
    if auth["botName"] != bot or data.get("bot_name", bot) != bot:
        raise ValueError("another bot")
    if auth["deviceUUID"] != serial or auth.get("deviceID", serial) != serial:
        raise ValueError("another device")
    stamp = auth["timestamp"]
    now = time.time()
    if abs(now * 1000 - stamp) > WINDOW_MS:
        raise ValueError("too old or too new")
    text = "|".join((auth["clientType"], bot, serial, auth["macAddress"], auth["ipAddress"], str(stamp), key["salt"]))
    want = hmac.new(key["secret"].encode(), text.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(want, auth["signature"]):
        raise ValueError("wrong signature")
    if want in seen:
        raise ValueError("seen before")
    seen[want] = now
    minute = (serial, int(now // 60))
    counts[minute] = counts.get(minute, 0) + 1
    if counts[minute] > LIMIT:
        raise ValueError("too many")
    return now, frame["event"], data.get("room")


async def back(reader, writer):
    while chunk := await reader.read(65536):
        writer.write(chunk)
        await writer.drain()


async def serve(reader, writer, host, port, keys, log):
    pump = up = None
    try:
        hello = await reader.readline()
        who = json.loads(hello)
        who = who.get("data", who)
        bot, serial = who["botName"], who["deviceID"]
        key = keys[bot + "/" + serial]
        up_reader, up = await asyncio.open_connection(host, port)
        pump = asyncio.create_task(back(up_reader, writer))
        up.write(hello)
        while line := await reader.readline():
            now, event, room = check(line, bot, serial, key)
            log.write(f"{now:.3f} {serial} {event} {room} {len(line)}\n")
            up.write(line)
            await up.drain()
    except (ValueError, KeyError, TypeError) as error:
        log.write(f"refused: {error}\n")
    except ConnectionError:
        pass
    finally:
        if pump:
            pump.cancel()
        if up:
            up.close()
        writer.close()


async def main(listen, upstream, keys, log):
    with open(keys, encoding="utf-8") as f:
        known = {d["bot"] + "/" + d["serial"]: d for d in json.load(f)}
    host, port = upstream.rsplit(":", 1)
    own, own_port = listen.rsplit(":", 1)
    with open(log, "a", encoding="utf-8", buffering=1 << 16) as out:
        server = await asyncio.start_server(
            lambda r, w: serve(r, w, host, int(port), known, out), own, int(own_port), limit=LINE, backlog=4096)
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await stop.wait()
        server.close()


asyncio.run(main(*sys.argv[1:]))
