namespace Sgl.Inference.Internal.Decoding;

/// <summary>Work space of the choice of one token, shared by all sequences of an engine: only its thread chooses.</summary>
/// <param name="vocabulary">V.</param>
internal sealed class SamplingBuffers(int vocabulary)
{
    /// <summary>Processed scores, [V].</summary>
    public float[] Scores { get; } = new float[vocabulary];

    /// <summary>Their exponentials, [V].</summary>
    public float[] Work { get; } = new float[vocabulary];

    /// <summary>Tokens that may be drawn; made when first drawn from.</summary>
    public Candidates Candidates => field ??= new Candidates(vocabulary);
}
