"""Zeroes the code of all GPU architectures but one in a library with CUDA code, so that it compresses to a fraction: one_architecture.py LIBRARY TARGET ARCHITECTURE (90: Hopper).

The runtime looks for its architecture's entry in each fat binary and never reads the others. An entry: kind (2: machine code, 1: PTX), header size, payload size; the architecture is the
32-bit number at offset 28.
"""
import struct
import sys

MAGIC = 0xBA55ED50
PTX, CODE = 1, 2


def strip(data: bytearray, architecture: int):
    """Returns bytes kept, bytes zeroed, and how many entries there are of each architecture."""
    kept = zeroed = 0
    counts: dict[int, int] = {}
    magic = struct.pack("<I", MAGIC)
    at = data.find(magic)
    while at >= 0:
        _, version, header, size = struct.unpack_from("<IHHQ", data, at)
        end = at + header + size
        if version != 1 or header != 16 or end > len(data):
            at = data.find(magic, at + 4)
            continue
        entry = at + header
        while entry + 64 <= end:
            kind, _, entry_header, payload = struct.unpack_from("<HHIQ", data, entry)
            (arch,) = struct.unpack_from("<I", data, entry + 28)
            if kind not in (PTX, CODE) or entry_header < 32 or entry + entry_header + payload > end:
                break
            counts[arch] = counts.get(arch, 0) + 1
            if arch == architecture and kind == CODE:
                kept += payload
            else:
                data[entry + entry_header : entry + entry_header + payload] = bytes(payload)
                zeroed += payload
            entry += entry_header + payload
        at = data.find(magic, end)
    return kept, zeroed, counts


def main() -> None:
    source, target, architecture = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with open(source, "rb") as file:
        data = bytearray(file.read())
    kept, zeroed, counts = strip(data, architecture)
    if kept == 0:
        sys.exit(f"{source} has no code for architecture {architecture}: it has {sorted(counts)}")
    with open(target, "wb") as file:
        file.write(data)
    print(f"{kept / 1e6:.0f} MB of code kept, {zeroed / 1e6:.0f} MB of others zeroed")


if __name__ == "__main__":
    main()
