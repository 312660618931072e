namespace Sgl.Models;

/// <summary>How a folder holds a linear layer's matrix in whole numbers.</summary>
/// <param name="Bits">8 or 4.</param>
/// <param name="GroupSize">Inputs that share a scale, for 4 bits; null where they cannot be cut in blocks.</param>
/// <param name="Reordered">Whether inputs are reordered before they are grouped (GPTQ's act-order).</param>
public sealed record StoredLinear(int Bits, int? GroupSize, bool Reordered)
{
    /// <summary>Of a matrix; null where it is stored otherwise.</summary>
    /// <param name="matrix">The matrix.</param>
    public static StoredLinear? Of(LinearMatrix matrix) => matrix switch
    {
        Int8Matrix => new StoredLinear(8, null, false),
        Int4Matrix groups => new StoredLinear(4, groups.BlockSize, groups.Order is not null),
        _ => null,
    };
}
