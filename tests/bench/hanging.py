"""A receiver that takes every request and answers after a time; prints its port when it listens."""

import argparse
import asyncio
import json

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


async def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=15)
    args = parser.parse_args()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(args.seconds)
        await reader.read(1 << 20)
        writer.write(ANSWER)
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0, backlog=4096)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
