using System.Buffers.Binary;
using System.Globalization;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace Sgl.Models.Internal;

/// <summary>
/// Reads and checks the header of one safetensors file: 8 bytes little-endian length n, n bytes JSON, then the data. As in the format's
/// own implementation the tensors must cover the data exactly: no overlap, no hole, nothing behind the last one.
/// </summary>
internal static class SafetensorsHeader
{
    /// <summary>The limit of the format's own implementation.</summary>
    public const long LargestHeader = 100_000_000;

    private const int LengthBytes = 8;

    /// <summary>Entries of a file, in the order of their data; problems are collected, and what is sound is returned.</summary>
    public static IReadOnlyList<TensorEntry> Read(string path, string file, ProblemList problems)
    {
        try
        {
            using var handle = System.IO.File.OpenHandle(path);
            var length = RandomAccess.GetLength(handle);
            return ReadJson(handle, length, file, problems) is { } json ? Parse(json, length, file, problems) : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add(file, null, "a readable file", e.Message);
            return [];
        }
    }

    /// <summary>Parses header JSON.</summary>
    /// <param name="json">The header's bytes.</param>
    /// <param name="fileLength">Length of the whole file.</param>
    /// <param name="file">Name for messages.</param>
    /// <param name="problems">Collector.</param>
    public static IReadOnlyList<TensorEntry> Parse(ReadOnlyMemory<byte> json, long fileLength, string file, ProblemList problems)
    {
        var entries = new List<TensorEntry>();
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 8 });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                problems.Add(file, null, "a header that is a JSON object", document.RootElement.ValueKind.ToString());
                return [];
            }

            var dataStart = LengthBytes + (long)json.Length;
            foreach (var property in document.RootElement.EnumerateObject())
            {
                if (property.Name != "__metadata__" && ReadEntry(property, dataStart, file, problems) is { } entry)
                {
                    entries.Add(entry);
                }
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            problems.Add(file, null, "a header of valid JSON without duplicate tensors", e.Message);
            return [];
        }

        entries.Sort((a, b) => (a.Offset, a.Offset + a.ByteLength).CompareTo((b.Offset, b.Offset + b.ByteLength)));
        CheckCoverage(entries, LengthBytes + (long)json.Length, fileLength, file, problems);
        return entries;
    }

    private static byte[]? ReadJson(SafeFileHandle handle, long length, string file, ProblemList problems)
    {
        Span<byte> prefix = stackalloc byte[LengthBytes];
        if (length < LengthBytes || !Fill(handle, prefix, 0))
        {
            problems.Add(file, null, "at least 8 bytes of safetensors header length", Bytes(length));
            return null;
        }

        var headerLength = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        var largest = Math.Min(LargestHeader, length - LengthBytes);
        if (headerLength < 2 || headerLength > (ulong)largest)
        {
            problems.Add(file, "header length", $"from 2 to {largest.ToString(CultureInfo.InvariantCulture)}", headerLength.ToString(CultureInfo.InvariantCulture));
            return null;
        }

        var json = new byte[(int)headerLength];
        if (!Fill(handle, json, LengthBytes))
        {
            problems.Add(file, "header", Bytes((long)headerLength), "a shorter file");
            return null;
        }

        return json;
    }

    private static bool Fill(SafeFileHandle handle, Span<byte> destination, long offset)
    {
        while (destination.Length > 0)
        {
            var read = RandomAccess.Read(handle, destination, offset);
            if (read == 0)
            {
                return false;
            }

            destination = destination[read..];
            offset += read;
        }

        return true;
    }

    private static TensorEntry? ReadEntry(JsonProperty property, long dataStart, string file, ProblemList problems)
    {
        var name = property.Name;
        var value = property.Value;
        if (value.ValueKind != JsonValueKind.Object
            || !value.TryGetProperty("dtype", out var dtype)
            || !value.TryGetProperty("shape", out var shape)
            || !value.TryGetProperty("data_offsets", out var offsets))
        {
            problems.Add(file, name, "an object with dtype, shape and data_offsets", value.ValueKind.ToString());
            return null;
        }

        if (dtype.ValueKind != JsonValueKind.String || !TensorDataTypes.TryParse(dtype.GetString(), out var type))
        {
            problems.Add(file, name, $"a dtype of {TensorDataTypes.Known}", dtype.GetRawText());
            return null;
        }

        if (NonNegative(shape) is not { Count: <= 16 } dimensions)
        {
            problems.Add(file, name, "a shape of non-negative integers", shape.GetRawText());
            return null;
        }

        if (NonNegative(offsets) is not { Count: 2 } range || range[0] > range[1] || range[1] > long.MaxValue - dataStart)
        {
            problems.Add(file, name, "data_offsets [begin, end] with begin <= end", offsets.GetRawText());
            return null;
        }

        if (ByteLength(dimensions, type) is not { } bytes || bytes != range[1] - range[0])
        {
            problems.Add(
                file,
                name,
                $"{(ByteLength(dimensions, type) is { } n ? Bytes(n) : "fewer than 2^63 bytes")} for {TensorDataTypes.Name(type)} {Shape(dimensions)}",
                $"data_offsets of {Bytes(range[1] - range[0])}");
            return null;
        }

        return new TensorEntry(name, type, dimensions, file, dataStart + range[0], bytes);
    }

    private static void CheckCoverage(List<TensorEntry> entries, long dataStart, long fileLength, string file, ProblemList problems)
    {
        var end = dataStart;
        foreach (var entry in entries)
        {
            if (entry.Offset != end)
            {
                problems.Add(
                    file,
                    entry.Name,
                    $"data from byte {(end - dataStart).ToString(CultureInfo.InvariantCulture)} on, where the tensor before it ends",
                    $"data from byte {(entry.Offset - dataStart).ToString(CultureInfo.InvariantCulture)} on ({(entry.Offset < end ? "overlapping" : "a hole")})");
            }

            end = Math.Max(end, entry.Offset + entry.ByteLength);
        }

        if (end != fileLength)
        {
            problems.Add(file, null, Bytes(end), $"{Bytes(fileLength)} ({(fileLength < end ? "truncated" : "data behind the last tensor")})");
        }
    }

    private static List<long>? NonNegative(JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.Array)
        {
            return null;
        }

        var values = new List<long>(element.GetArrayLength());
        foreach (var item in element.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt64(out var value) || value < 0)
            {
                return null;
            }

            values.Add(value);
        }

        return values;
    }

    private static long? ByteLength(IReadOnlyList<long> shape, TensorDataType type)
    {
        try
        {
            long bytes = TensorDataTypes.Size(type);
            foreach (var dimension in shape)
            {
                bytes = checked(bytes * dimension);
            }

            return bytes;
        }
        catch (OverflowException)
        {
            return null;
        }
    }

    private static string Bytes(long count) => $"{count.ToString(CultureInfo.InvariantCulture)} bytes";

    private static string Shape(IReadOnlyList<long> shape) => $"[{string.Join(", ", shape)}]";
}
