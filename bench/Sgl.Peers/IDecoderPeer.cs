namespace Sgl.Peers;

/// <summary>Another engine's decoder.</summary>
internal interface IDecoderPeer : IDisposable
{
    /// <summary>Seconds of a prompt of so many ids, the logits of its last row included.</summary>
    double Prefill(int rows);

    /// <summary>Seconds of one step of <paramref name="sequences"/> sequences behind prompts of so many ids each.</summary>
    double Decode(int rows, int sequences, int steps);
}
