namespace Sgl.Grammar.Internal;

/// <summary>JSON texts: well-formed UTF-8, and escapes that are whole characters.</summary>
internal sealed class TextShapes
{
    private readonly NodeBuilder _build;
    private readonly Node _character;
    private readonly Node _rest;

    public TextShapes(NodeBuilder build)
    {
        _build = build;
        _character = build.Bytes(Character(build.End));
        _rest = build.Jump();
        _rest.Targets = [build.Bytes([('"', '"', build.End), .. Character(_rest)])];
    }

    /// <summary>A text in quotes.</summary>
    /// <param name="least">Fewest characters, as JSON Schema counts them: code points.</param>
    /// <param name="most">Most characters; null: no limit.</param>
    /// <param name="next">What comes behind it.</param>
    public Node Text(int least, int? most, Node next)
    {
        var close = _build.Byte('"', next);
        var node = most is null ? _build.Call(_rest, next) : close;
        for (var length = (most ?? least) - 1; length >= 0; length--)
        {
            var more = _build.Call(_character, node);
            node = length >= least ? _build.Jump(close, more) : more;
        }

        return _build.Byte('"', node);
    }

    /// <summary>
    /// The name of a member that is none of some names, in quotes and without escapes. Of other names that have the first byte of a character beyond ASCII in common with one
    /// of these, some are left out too.
    /// </summary>
    public Node Name(IReadOnlyCollection<byte[]> except, Node next)
    {
        var free = _build.Jump();
        var close = _build.Byte('"', next);
        free.Targets = [close, _build.Bytes(Plain(free))];
        // Names that would need an escape cannot be met without one.
        return _build.Byte('"', Other([.. except.Where(n => n.All(b => b >= ' ' && b is not ((byte)'"' or (byte)'\\')))], 0, free, close));
    }

    /// <summary>What goes on where all of <paramref name="names"/> began like this.</summary>
    private Node Other(List<byte[]> names, int at, Node free, Node close)
    {
        if (names.Count == 0)
        {
            return free;
        }

        var ranges = Plain(free).ToList();
        foreach (var group in names.Where(n => n.Length > at).GroupBy(n => n[at]))
        {
            Exclude(ranges, group.Key);
            if (group.Key < 0x80)
            {
                ranges.Add((group.Key, group.Key, Other([.. group], at + 1, free, close)));
            }
        }

        var goesOn = _build.Bytes([.. ranges]);
        return names.Any(n => n.Length == at) ? goesOn : _build.Jump(close, goesOn);
    }

    private static void Exclude(List<(int Low, int High, Node Target)> ranges, byte value)
    {
        var at = ranges.FindIndex(r => r.Low <= value && value <= r.High);
        if (at < 0)
        {
            return;
        }

        var (low, high, target) = ranges[at];
        ranges.RemoveAt(at);
        if (low < value)
        {
            ranges.Add((low, value - 1, target));
        }

        if (value < high)
        {
            ranges.Add((value + 1, high, target));
        }
    }

    /// <summary>A character, escaped or not.</summary>
    private (int Low, int High, Node Target)[] Character(Node next)
    {
        var digit1 = Hex(next);
        var digit2 = Hex(digit1);
        var digit3 = Hex(digit2);
        // Halves of surrogate pairs are no characters.
        var unicode = _build.Bytes(
            ('0', '9', digit3), ('A', 'C', digit3), ('a', 'c', digit3), ('E', 'F', digit3), ('e', 'f', digit3),
            ('D', 'D', _build.Bytes(('0', '7', digit2))), ('d', 'd', _build.Bytes(('0', '7', digit2))));
        var escaped = _build.Bytes(
            ('"', '"', next), ('\\', '\\', next), ('/', '/', next), ('b', 'b', next), ('f', 'f', next), ('n', 'n', next), ('r', 'r', next), ('t', 't', next), ('u', 'u', unicode));
        return [.. Plain(next), ('\\', '\\', escaped)];
    }

    /// <summary>A character that needs no escape (Unicode, table 3-7).</summary>
    private (int Low, int High, Node Target)[] Plain(Node next)
    {
        var last = _build.Bytes((0x80, 0xBF, next));
        var two = _build.Bytes((0x80, 0xBF, last));
        return
        [
            (' ', '!', next), ('#', '[', next), (']', 0x7F, next),
            (0xC2, 0xDF, last),
            (0xE0, 0xE0, _build.Bytes((0xA0, 0xBF, last))), (0xE1, 0xEC, two), (0xED, 0xED, _build.Bytes((0x80, 0x9F, last))), (0xEE, 0xEF, two),
            (0xF0, 0xF0, _build.Bytes((0x90, 0xBF, two))), (0xF1, 0xF3, _build.Bytes((0x80, 0xBF, two))), (0xF4, 0xF4, _build.Bytes((0x80, 0x8F, two))),
        ];
    }

    private Node Hex(Node next) => _build.Bytes(('0', '9', next), ('A', 'F', next), ('a', 'f', next));
}
