using System.Globalization;

namespace Sgl.Grammar.Internal;

/// <summary>JSON numbers of so many digits that a double holds them, so that none can be written for ever.</summary>
internal sealed class NumberShapes(NodeBuilder build)
{
    /// <summary>Largest whole number.</summary>
    public const long Most = 999_999_999_999_999;

    /// <summary>A whole number between two others; null: no bound.</summary>
    public Node Whole(long? least, long? most, Node next) => least is null && most is null
        ? Signed(Digits(next))
        : Between(Math.Max(least ?? -Most, -Most), Math.Min(most ?? Most, Most), (low, high) => Magnitude(low, high, next), leastBelowZero: 1);

    /// <summary>A number between two whole ones; null: no bound. One that is bounded is written without an exponent.</summary>
    public Node Real(long? least, long? most, Node next)
    {
        if (least is null && most is null)
        {
            var exponentDigits = build.Bytes(('0', '9', build.Jump(next, build.Bytes(('0', '9', next)))));
            var sign = build.Jump(exponentDigits, build.Bytes(('+', '+', exponentDigits), ('-', '-', exponentDigits)));
            return Signed(Digits(Fraction(build.Jump(next, build.Bytes(('E', 'E', sign), ('e', 'e', sign))))));
        }

        var fraction = Fraction(next);
        var none = build.Jump(next, build.Literal(".0"u8, next));
        return Between(
            Math.Max(least ?? -Most, -Most), Math.Min(most ?? Most, Most),
            (low, high) => low < high ? build.Jump(Magnitude(low, high - 1, fraction), Magnitude(high, high, none)) : Magnitude(high, high, none), leastBelowZero: 0);
    }

    private Node Between(long least, long most, Func<long, long, Node> magnitude, long leastBelowZero)
    {
        var ways = new List<Node>();
        if (least <= most && most >= 0)
        {
            ways.Add(magnitude(Math.Max(least, 0), most));
        }

        if (least <= most && least < 0)
        {
            ways.Add(build.Byte('-', magnitude(Math.Max(-most, leastBelowZero), -least)));
        }

        return build.Jump([.. ways]);
    }

    /// <summary>A whole number from <paramref name="low"/>, at least 0, to <paramref name="high"/>, by its number of digits.</summary>
    private Node Magnitude(long low, long high, Node next)
    {
        var ways = new List<Node>();
        for (long smallest = 0, largest = 9; smallest <= high; (smallest, largest) = (largest + 1, (largest * 10) + 9))
        {
            if (largest >= low)
            {
                ways.Add(SameLength(Text(Math.Max(low, smallest)), Text(Math.Min(high, largest)), next));
            }
        }

        return build.Jump([.. ways]);
    }

    /// <summary>A whole number between two others of as many digits.</summary>
    private Node SameLength(string low, string high, Node next)
    {
        var known = new Dictionary<(int At, bool Low, bool High), Node>();
        return From(0, true, true);

        Node From(int at, bool atLow, bool atHigh)
        {
            if (at == low.Length)
            {
                return next;
            }

            if (!known.TryGetValue((at, atLow, atHigh), out var node))
            {
                var (first, last) = (atLow ? low[at] : '0', atHigh ? high[at] : '9');
                node = build.Bytes([.. Enumerable.Range(first, last - first + 1).Select(d => (d, d, From(at + 1, atLow && d == first, atHigh && d == last)))]);
                known.Add((at, atLow, atHigh), node);
            }

            return node;
        }
    }

    private Node Signed(Node digits) => build.Jump(digits, build.Byte('-', digits));

    private Node Digits(Node next) => build.Bytes(('0', '0', next), ('1', '9', UpTo(GrammarLimits.MaxDigits - 1, next)));

    private Node Fraction(Node next) => build.Jump(next, build.Byte('.', build.Bytes(('0', '9', UpTo(GrammarLimits.MaxDigits - 1, next)))));

    private Node UpTo(int digits, Node next)
    {
        var node = next;
        for (var i = 0; i < digits; i++)
        {
            node = build.Jump(next, build.Bytes(('0', '9', node)));
        }

        return node;
    }

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
