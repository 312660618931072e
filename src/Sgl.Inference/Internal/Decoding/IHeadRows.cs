namespace Sgl.Inference.Internal.Decoding;

/// <summary>What the head made of some rows, in the system's memory; valid until it runs into the same memory again. Read by the engine thread only.</summary>
internal interface IHeadRows : IDisposable
{
    /// <summary>Logits of a row, [V].</summary>
    /// <exception cref="InvalidOperationException">They were not asked for, and stayed on the GPU.</exception>
    ReadOnlySpan<float> Logits(int row);

    /// <summary>The id of step <paramref name="step"/> that a row predicts.</summary>
    TokenChoice Choose(int row, TokenChooser chooser, int step);

    /// <summary>ln P, raw softmax, of an id; where logits were not asked for, of the one that was named for this row.</summary>
    float LogProbability(int row, int id);
}
