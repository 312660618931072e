using System.Buffers;
using System.Globalization;
using Google.Protobuf.Reflection;

namespace Sgl.Hosting.Internal;

/// <summary>
/// Walks over the bytes of a protobuf message before it is parsed, and finds what would make it far larger in memory than on the wire: two bytes are an empty
/// element of a list there, and some fifty here. Nothing is allocated per element; bytes that are no message are left to the parser's complaint.
/// </summary>
internal sealed class MessageScan
{
    /// <summary>How often one field may come in a message, all lists of that field together.</summary>
    public const int MostElements = 4096;

    /// <summary>Most numbers of one packed field, all lists of that field together.</summary>
    public const int MostNumbers = 1 << 20;

    /// <summary>Most fields that this version does not know; the parser keeps them.</summary>
    public const int MostUnknown = 1024;

    private const int Deepest = 64;
    private const int Varint = 0, Fixed64 = 1, Delimited = 2, GroupStart = 3, GroupEnd = 4, Fixed32 = 5;

    private readonly Dictionary<FieldDescriptor, int> _counts = [];
    private readonly List<(FieldDescriptor Field, int Index)> _path = [];
    private FieldViolation? _found;
    private int _unknown;

    /// <summary>The first thing that is too many; null where nothing is.</summary>
    /// <param name="payload">The message.</param>
    /// <param name="type">Its type.</param>
    public static FieldViolation? Check(ReadOnlySequence<byte> payload, MessageDescriptor type)
    {
        var reader = new SequenceReader<byte>(payload);
        var scan = new MessageScan();
        scan.Message(ref reader, payload.Length, type);
        return scan._found;
    }

    /// <summary>Reads to <paramref name="end"/>; false where the scan is over.</summary>
    private bool Message(ref SequenceReader<byte> reader, long end, MessageDescriptor type)
    {
        var groups = 0;
        while (reader.Consumed < end)
        {
            if (!TryVarint(ref reader, out var tag) || tag >> 3 is 0 or > int.MaxValue)
            {
                return false;
            }

            var (number, wire) = ((int)(tag >> 3), (int)(tag & 7));
            groups += wire == GroupStart ? 1 : wire == GroupEnd ? -1 : 0;
            if (groups < 0)
            {
                return false;
            }

            // Groups are unknown to proto3, with all that is in them.
            var field = groups == 0 && wire != GroupEnd ? type.FindFieldByNumber(number) : null;
            if (!Field(ref reader, end, field, wire))
            {
                return false;
            }
        }

        return reader.Consumed == end;
    }

    private bool Field(ref SequenceReader<byte> reader, long end, FieldDescriptor? field, int wire)
    {
        switch (wire)
        {
            case Varint:
                return TryVarint(ref reader, out _) && Counted(field, WireOf(field) == Varint);
            case Fixed32:
                return TrySkip(ref reader, 4, end) && Counted(field, WireOf(field) == Fixed32);
            case Fixed64:
                return TrySkip(ref reader, 8, end) && Counted(field, WireOf(field) == Fixed64);
            case GroupStart:
                return Counted(null, false);
            case GroupEnd:
                return true;
            case Delimited:
                // The length's own bytes may reach beyond the message's end.
                return TryVarint(ref reader, out var length)
                    && reader.Consumed <= end
                    && length <= (ulong)(end - reader.Consumed)
                    && Content(ref reader, (long)length, field);
            default:
                return false;
        }
    }

    private bool Content(ref SequenceReader<byte> reader, long length, FieldDescriptor? field)
    {
        if (field is { IsRepeated: true } && WireOf(field) is Varint or Fixed32 or Fixed64)
        {
            return Numbers(ref reader, length, field);
        }

        if (!Counted(field, WireOf(field) == Delimited))
        {
            return false;
        }

        if (field?.FieldType != FieldType.Message || WireOf(field) != Delimited)
        {
            reader.Advance(length);
            return true;
        }

        _path.Add((field, _counts[field] - 1));
        var read = _path.Count < Deepest && Message(ref reader, reader.Consumed + length, field.MessageType);
        _path.RemoveAt(_path.Count - 1);
        return read;
    }

    private bool Numbers(ref SequenceReader<byte> reader, long length, FieldDescriptor field)
    {
        long count = 0;
        switch (WireOf(field))
        {
            case Fixed32:
                count = length / 4;
                break;
            case Fixed64:
                count = length / 8;
                break;
            default:
                foreach (var segment in reader.UnreadSequence.Slice(0, length))
                {
                    foreach (var b in segment.Span)
                    {
                        count += b < 0x80 ? 1 : 0;
                    }
                }

                break;
        }

        reader.Advance(length);
        return Count(field, (int)Math.Min(count, int.MaxValue / 2), MostNumbers, "numbers");
    }

    private bool Counted(FieldDescriptor? field, bool known)
    {
        if (field is not null && known)
        {
            // A number that is no list is overwritten by the next one.
            return (!field.IsRepeated && field.FieldType is not (FieldType.Message or FieldType.String or FieldType.Bytes)) || Count(field, 1, MostElements, "times");
        }

        return ++_unknown <= MostUnknown
            || Found("request", string.Create(CultureInfo.InvariantCulture, $"holds more than {MostUnknown} fields that this version of the service does not know"));
    }

    private bool Count(FieldDescriptor field, int more, int most, string what)
    {
        var count = _counts.GetValueOrDefault(field) + more;
        _counts[field] = count;
        return count <= most || Found(
            string.Join('.', _path.Select(p => p.Field.IsRepeated ? $"{p.Field.Name}[{p.Index}]" : p.Field.Name).Append(field.Name)),
            string.Create(CultureInfo.InvariantCulture, $"comes too often: more than {most} {what} in one request are not accepted"));
    }

    private bool Found(string field, string description)
    {
        _found = new FieldViolation(field, description);
        return false;
    }

    private static int WireOf(FieldDescriptor? field) => field?.FieldType switch
    {
        null => -1,
        FieldType.Message or FieldType.String or FieldType.Bytes => Delimited,
        FieldType.Double or FieldType.Fixed64 or FieldType.SFixed64 => Fixed64,
        FieldType.Float or FieldType.Fixed32 or FieldType.SFixed32 => Fixed32,
        FieldType.Group => GroupStart,
        _ => Varint,
    };

    private static bool TrySkip(ref SequenceReader<byte> reader, int count, long end)
    {
        if (count > end - reader.Consumed)
        {
            return false;
        }

        reader.Advance(count);
        return true;
    }

    private static bool TryVarint(ref SequenceReader<byte> reader, out ulong value)
    {
        value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            if (!reader.TryRead(out var b))
            {
                return false;
            }

            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80)
            {
                return true;
            }
        }

        return false;
    }
}
