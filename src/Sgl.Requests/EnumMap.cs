namespace Sgl.Requests;

/// <summary>Values of ours and of the contract that mean the same, each once on either side.</summary>
/// <param name="pairs">All of them.</param>
public sealed class EnumMap<TOurs, TWire>(params (TOurs Ours, TWire Wire)[] pairs)
    where TOurs : struct, Enum
    where TWire : struct, Enum
{
    /// <summary>As in the contract.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The contract has no such value.</exception>
    public TWire From(TOurs ours)
    {
        foreach (var pair in pairs)
        {
            if (EqualityComparer<TOurs>.Default.Equals(pair.Ours, ours))
            {
                return pair.Wire;
            }
        }

        throw new ArgumentOutOfRangeException(nameof(ours), ours, "has no counterpart in the contract");
    }

    /// <summary>From the contract; null for UNSPECIFIED and for values that this version does not know.</summary>
    public TOurs? To(TWire wire)
    {
        foreach (var pair in pairs)
        {
            if (EqualityComparer<TWire>.Default.Equals(pair.Wire, wire))
            {
                return pair.Ours;
            }
        }

        return null;
    }
}
