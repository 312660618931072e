namespace Sgl.Verification.Internal;

/// <summary>Collects the comparisons of a case; one entry per quantity with the largest error seen.</summary>
internal sealed class Comparison
{
    private readonly List<QuantityCheck> _checks = [];

    public IReadOnlyList<QuantityCheck> Checks => _checks;

    /// <summary>Compares floats; the error is absolute.</summary>
    public void Floats(string quantity, ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, double tolerance)
    {
        if (actual.Length != expected.Length)
        {
            Add(quantity, double.PositiveInfinity, tolerance, $"expected {expected.Length} values, found {actual.Length}");
            return;
        }

        var worst = 0.0;
        var at = 0;
        for (var i = 0; i < actual.Length; i++)
        {
            var error = actual[i].Equals(expected[i]) ? 0 : Math.Abs((double)actual[i] - expected[i]);
            if (!(error <= worst))
            {
                (worst, at) = (error, i);
                if (double.IsNaN(error))
                {
                    break;
                }
            }
        }

        Add(quantity, worst, tolerance, worst <= tolerance ? null : $"at {at}: expected {expected[at]}, found {actual[at]}");
    }

    /// <summary>Compares one number relatively; numbers below the smallest normal float are equal to 0.</summary>
    public void Relative(string quantity, double actual, double expected, double tolerance)
    {
        var error = Math.Abs(expected) < 1.2e-38 ? Math.Abs(actual) < 1.2e-37 ? 0 : 1 : Math.Abs((actual / expected) - 1);
        Add(quantity, error, tolerance, error <= tolerance ? null : $"expected {expected}, found {actual}");
    }

    /// <summary>Compares integers; they must be identical.</summary>
    public void Identical(string quantity, IReadOnlyList<int> actual, IReadOnlyList<int> expected)
    {
        var same = actual.SequenceEqual(expected);
        Add(quantity, same ? 0 : 1, 0, same ? null : $"expected [{string.Join(' ', expected.Take(40))}], found [{string.Join(' ', actual.Take(40))}]");
    }

    /// <summary>Adds a result, or worsens the one of the same name.</summary>
    public void Add(string quantity, double error, double tolerance, string? detail)
    {
        var check = new QuantityCheck(quantity, error, tolerance, detail);
        var index = _checks.FindIndex(c => c.Quantity == quantity);
        if (index < 0)
        {
            _checks.Add(check);
        }
        else if (!(error <= _checks[index].Error))
        {
            _checks[index] = check;
        }
    }
}
