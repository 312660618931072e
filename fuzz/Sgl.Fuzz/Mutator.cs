using System.Buffers.Binary;
using System.Text;
using Sgl.Guidance;

namespace Sgl.Fuzz;

/// <summary>Makes cases from a corpus. The same seed and number make the same case, on every machine.</summary>
internal sealed class Mutator(IReadOnlyList<Seed> corpus, IReadOnlyList<string> dictionary, ulong seed)
{
    private const int LargestCase = 1 << 20;
    private static readonly long[] Interesting = [0, 1, -1, 127, 128, 255, 256, 32767, 32768, 65535, 65536, int.MaxValue, int.MinValue, uint.MaxValue, long.MaxValue, long.MinValue];

    /// <summary>The case of a number.</summary>
    public (Seed Seed, byte[] Bytes) Case(long number)
    {
        var random = new Numbers(seed ^ ((ulong)number * 0x9E3779B97F4A7C15));
        var origin = corpus[random.Below(corpus.Count)];

        // All seeds go in as they are first, and later one in 64: what is fine must stay fine.
        if (number < corpus.Count)
        {
            return (corpus[(int)number], corpus[(int)number].Bytes);
        }

        if (random.Below(64) == 0)
        {
            return (origin, origin.Bytes);
        }

        var bytes = new List<byte>(origin.Bytes);
        for (var changes = 1 + random.Below(8); changes > 0; changes--)
        {
            Change(bytes, random);
        }

        return (origin, [.. bytes.Take(LargestCase)]);
    }

    private void Change(List<byte> bytes, Numbers random)
    {
        // Half of the places are near the beginning: headers are short and hold most of what can go wrong.
        var place = bytes.Count == 0 ? 0 : random.Below(2) == 0 ? random.Below(Math.Min(bytes.Count, 128)) : random.Below(bytes.Count);
        var run = Math.Min(1 + random.Below(16), bytes.Count - place);
        switch (random.Below(dictionary.Count > 0 ? 12 : 9))
        {
            case 0 when bytes.Count > 0:
                bytes[place] ^= (byte)(1 << random.Below(8));
                break;
            case 1 when bytes.Count > 0:
                bytes[place] = (byte)random.Below(256);
                break;
            case 2:
                bytes.RemoveRange(place, run);
                break;
            case 3:
                bytes.InsertRange(place, Enumerable.Range(0, 1 + random.Below(16)).Select(_ => (byte)random.Below(256)).ToList());
                break;
            case 4:
                bytes.InsertRange(place, Repeated(bytes.GetRange(place, run), 1 + random.Below(1 << random.Below(10))));
                break;
            case 5:
                bytes.RemoveRange(place, bytes.Count - place);
                break;
            case 6:
                Overwrite(bytes, place, random);
                break;
            case 7:
                var other = corpus[random.Below(corpus.Count)].Bytes;
                var from = random.Below(other.Length + 1);
                bytes.RemoveRange(place, bytes.Count - place);
                bytes.AddRange(other.AsSpan(from));
                break;
            case 8 when bytes.Count > 0:
                bytes[place] = (byte)(bytes[place] + random.Below(3) - 1);
                break;
            case > 8:
                var token = Encoding.Latin1.GetBytes(dictionary[random.Below(dictionary.Count)]);
                bytes.RemoveRange(place, random.Below(2) * run);
                bytes.InsertRange(place, token);
                break;
        }
    }

    private static void Overwrite(List<byte> bytes, int place, Numbers random)
    {
        Span<byte> number = stackalloc byte[8];
        var value = Interesting[random.Below(Interesting.Length)];
        var size = 1 << random.Below(4);
        if (random.Below(2) == 0)
        {
            BinaryPrimitives.WriteInt64LittleEndian(number, value);
        }
        else
        {
            BinaryPrimitives.WriteInt64BigEndian(number, size == 8 ? value : value << (64 - (8 * size)));
        }

        for (var i = 0; i < size && place + i < bytes.Count; i++)
        {
            bytes[place + i] = number[i];
        }
    }

    private static List<byte> Repeated(List<byte> run, int times)
    {
        var all = new List<byte>();
        for (var i = 0; i < times && all.Count < LargestCase / 4; i++)
        {
            all.AddRange(run);
        }

        return all;
    }

    /// <summary>A generator whose numbers no version of the runtime changes.</summary>
    private sealed class Numbers(ulong seed)
    {
        private SplitMix64 _random = new(seed);

        public int Below(int limit) => (int)(_random.Next() % (ulong)Math.Max(1, limit));
    }
}
