"""The workloads of `src/workloads/` that are done side by side, on asyncio.

    main.py LOOP WORK SIZE MICROS    for each line that is read, a sample of so many
                                     microseconds, printed as readings
    main.py LOOP echo                an echo server

LOOP is `asyncio` or `uvloop`. WORK has the name and does what the Rust function of
that name does, and checks its result.
"""

import asyncio
import json
import sys
import time

SLEEP = 0.010
# So many samples long is the warm-up, which also tells how many calls are a sample.
WARM_UP = 10


async def spawn_then_join(size):
    async def number_of(number):
        return number

    tasks = [asyncio.create_task(number_of(number)) for number in range(size)]
    total = 0
    for task in tasks:
        total += await task
    check(total == size * (size - 1) // 2)


async def ping_pong(size):
    async def answer(pinged, pong):
        pong.set_result(await pinged + 1)

    loop = asyncio.get_running_loop()
    for number in range(size):
        ping = loop.create_future()
        pong = loop.create_future()
        other = asyncio.create_task(answer(ping, pong))
        ping.set_result(number)
        check(await pong == number + 1)
        await other


async def gather_sleeps(size):
    async def nap(number):
        await asyncio.sleep(SLEEP)
        return number

    start = time.monotonic()
    outputs = await asyncio.gather(*map(nap, range(size)))
    check(outputs == list(range(size)))
    # A loop rounds its clock down, by less than this.
    check(time.monotonic() - start > SLEEP - 0.0015)


async def repeat(work, size, calls):
    """Gives nanoseconds per operation, of both clocks."""
    wall, cpu = time.perf_counter_ns(), time.process_time_ns()
    for _ in range(calls):
        await work(size)
    wall, cpu = time.perf_counter_ns() - wall, time.process_time_ns() - cpu
    return wall / (calls * size), cpu / (calls * size)


def answer_samples(loop, work, size, seconds):
    calls, end = 0, time.monotonic() + WARM_UP * seconds
    while time.monotonic() < end:
        loop.run_until_complete(work(size))
        calls += 1
    calls = max(1, calls // WARM_UP)
    for _ in sys.stdin:
        wall, cpu = loop.run_until_complete(repeat(work, size, calls))
        readings = {"ns wall/op": wall, "ns cpu/op": cpu}
        line = [{"unit": unit, "value": value} for unit, value in readings.items()]
        print(json.dumps(line), flush=True)


class Echo(asyncio.Protocol):
    """A protocol and not streams, which are a layer above it."""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)

    # A client that reads nothing fills the transport's buffer: take no more of it.
    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        self.transport.resume_reading()


async def echo():
    """Serves until the standard input is closed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0, backlog=1024)
    host, port = server.sockets[0].getsockname()
    print(f"listening on {host}:{port}", flush=True)
    await loop.run_in_executor(None, sys.stdin.buffer.read)
    server.close()


def check(holds):
    """Not `assert`: an interpreter may be told to skip those."""
    if not holds:
        raise SystemExit("a wrong answer")


def main():
    loop_name, work_name, *rest = sys.argv[1:]
    if loop_name == "uvloop":
        import uvloop

        loop = uvloop.new_event_loop()
    else:
        loop = asyncio.new_event_loop()
    if work_name == "echo":
        loop.run_until_complete(echo())
        return
    work = {it.__name__: it for it in (spawn_then_join, ping_pong, gather_sleeps)}[work_name]
    size, micros = map(int, rest)
    answer_samples(loop, work, size, micros / 1e6)


main()
