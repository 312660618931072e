namespace Sgl.Models;

/// <summary>How a decoder stage yields importance.</summary>
public enum ImportanceOutput
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>Of chosen rows, computed beside the fused attention.</summary>
    ChosenRows,

    /// <summary>
    /// Of the single row of a decode step, from the probabilities that the fused attention hands out, on CPU only. Small models spend more on the
    /// dozen operators of <see cref="ChosenRows"/> than on the attention of one row itself.
    /// </summary>
    DecodeRow,
}
