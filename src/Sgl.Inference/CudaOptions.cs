namespace Sgl.Inference;

/// <summary>How ONNX Runtime's CUDA provider runs; of no consequence where no layer is on a GPU. The defaults come from counting what the provider does, not from times on a card.</summary>
public sealed class CudaOptions
{
    /// <summary>
    /// Arithmetic: <c>bfloat16</c>, <c>float16</c>, or <c>auto</c>: what the folder's configuration names, bfloat16 where it names neither. There is no float32: attention has no such kernel.
    /// GPUs before compute capability 8 (T4) have no bfloat16.
    /// </summary>
    /// <value>Default <c>auto</c>.</value>
    public string ComputeType { get; set; } = "auto";

    /// <summary>
    /// Which attention kernels the provider may take, a sum of 1 (flash), 2 (memory-efficient), 4 (TensorRT), 8 (cuDNN), 16 (plain); 0 leaves it to the provider, which on compute capability 9
    /// and later plans cuDNN's anew for every prompt length.
    /// </summary>
    /// <value>Default 3.</value>
    public int SdpaKernel { get; set; } = 3;

    /// <summary>Whether all sessions of a GPU take what they need while running from one pool.</summary>
    /// <value>Default true.</value>
    public bool SharedArena { get; set; } = true;

    /// <summary>Whether such a pool grows by powers of two instead of by what is asked for: fewer allocations, more memory.</summary>
    /// <value>Default false.</value>
    public bool ArenaExtendsByPowers { get; set; }

    /// <summary>Whether all of a session's work goes through one stream, which spares most synchronisations.</summary>
    /// <value>Default true.</value>
    public bool UnifiedStream { get; set; } = true;

    /// <summary>
    /// Whether a decode step that comes again, over the same slabs and with as many sequences, is captured as a CUDA graph and from then on asked for as a whole, instead of kernel by kernel. Needs
    /// <see cref="EngineOptions.Importance"/> off and GPUs that no other engine of the process uses. Counted over a stand-in, not measured on a card.
    /// </summary>
    /// <value>Default false.</value>
    public bool Graphs { get; set; }

    /// <summary>Graph optimizers of the runtime that are left out, with <c>;</c> between them.</summary>
    /// <value>Default <c>GatherSliceToSplitFusion</c>, which makes of InternLM2's projections an operator with four small copies a layer.</value>
    public string DisabledOptimizers { get; set; } = "GatherSliceToSplitFusion";
}
