namespace Sgl.Text.Internal;

/// <summary>The literal ranges of a text: sorted, without overlaps, with quick intersection.</summary>
internal sealed class LiteralRanges
{
    private readonly int[] _starts;
    private readonly int[] _ends;

    private LiteralRanges(int[] starts, int[] ends) => (_starts, _ends) = (starts, ends);

    public static LiteralRanges None { get; } = new([], []);

    public bool IsEmpty => _starts.Length == 0;

    public static LiteralRanges Create(IReadOnlyList<TextRange> ranges, int textLength)
    {
        if (ranges.Count == 0)
        {
            return None;
        }

        var sorted = new List<TextRange>(ranges.Count);
        foreach (var range in ranges)
        {
            if (range.Start < 0 || range.Length < 0 || range.Start > textLength - range.Length)
            {
                throw new ArgumentOutOfRangeException(
                    nameof(ranges), range, $"a literal range lies outside the text of {textLength} characters");
            }

            if (range.Length > 0)
            {
                sorted.Add(range);
            }
        }

        sorted.Sort((a, b) => a.Start.CompareTo(b.Start));
        var starts = new List<int>(sorted.Count);
        var ends = new List<int>(sorted.Count);
        foreach (var range in sorted)
        {
            if (ends.Count > 0 && range.Start <= ends[^1])
            {
                ends[^1] = Math.Max(ends[^1], range.End);
            }
            else
            {
                starts.Add(range.Start);
                ends.Add(range.End);
            }
        }

        return starts.Count == 0 ? None : new([.. starts], [.. ends]);
    }

    /// <summary>Whether [start, end) shares at least one unit with a literal range.</summary>
    public bool Intersects(int start, int end)
    {
        if (_starts.Length == 0 || start >= end)
        {
            return false;
        }

        var i = Array.BinarySearch(_ends, start);
        i = i >= 0 ? i + 1 : ~i; // the first range that ends after start
        return i < _starts.Length && _starts[i] < end;
    }

    /// <summary>The ranges inside [start, end), counted from start, with their borders mapped.</summary>
    public LiteralRanges Slice(int start, int end, Func<int, int>? map = null)
    {
        if (!Intersects(start, end))
        {
            return None;
        }

        var starts = new List<int>();
        var ends = new List<int>();
        for (var i = 0; i < _starts.Length; i++)
        {
            var s = Math.Max(_starts[i], start) - start;
            var e = Math.Min(_ends[i], end) - start;
            if (s < e)
            {
                starts.Add(map?.Invoke(s) ?? s);
                ends.Add(map?.Invoke(e) ?? e);
            }
        }

        return new([.. starts], [.. ends]);
    }
}
