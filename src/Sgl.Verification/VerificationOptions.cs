using Sgl.Inference;
using Sgl.Models;

namespace Sgl.Verification;

/// <summary>How golden cases are run, and with it how near to the golden values, which are float32's, results have to be.</summary>
public sealed record VerificationOptions
{
    /// <summary>Devices, as in <see cref="EngineOptions.Placement"/>; shares beyond a checkpoint's layers are left out, and a list of ranges is refused by checkpoints it does not fit.</summary>
    public string Placement { get; init; } = "cpu";

    /// <summary>Rows of a prefill that run together, as in <see cref="EngineOptions.PrefillChunk"/>.</summary>
    public int PrefillChunk { get; init; } = new EngineOptions().PrefillChunk;

    /// <summary>Whether cases also run behind another question about their image, so that they begin with what is kept of that. In float32 on CPUs only: what is compared there are identities.</summary>
    public bool Warm { get; init; }

    /// <summary>
    /// Arithmetic. On GPUs a 16-bit type, bfloat16 where this is null. On CPUs float32 where this is null; with a 16-bit type they compute in float32 and round weights, inputs and the result of every
    /// operator to it, which is what a GPU of that type does to a model as far as rounding goes.
    /// </summary>
    public ComputeType? Type { get; init; }

    /// <summary>Bits of weights, as in <see cref="EngineOptions.Weights"/>; <see cref="WeightPrecision.Float32"/> rounds none.</summary>
    public WeightPrecision Weights { get; init; } = WeightPrecision.Float32;

    /// <summary>Whether any layer is on a GPU.</summary>
    internal bool OnGpu => Placement.Contains("cuda", StringComparison.Ordinal);

    /// <summary>The arithmetic that results are judged by.</summary>
    internal ComputeType EffectiveType => Type ?? (OnGpu ? ComputeType.BFloat16 : ComputeType.Float32);

    /// <summary>Whether results must be float32's.</summary>
    internal bool IsExact => EffectiveType == ComputeType.Float32 && Weights == WeightPrecision.Float32;

    /// <exception cref="EngineSettingsException">The parts do not fit together; the message says which.</exception>
    internal void Check()
    {
        if (OnGpu && EffectiveType == ComputeType.Float32)
        {
            throw new EngineSettingsException($"float32 cannot be verified on '{Placement}': attention on GPUs computes in 16 bits. Ask for bfloat16 or float16");
        }

        if (Weights == WeightPrecision.Auto)
        {
            throw new EngineSettingsException("which bits weights have must be said: float32 (none are rounded), int8 or int4");
        }

        if (Warm && (OnGpu || !IsExact))
        {
            throw new EngineSettingsException("cases behind kept beginnings are verified in float32 on CPUs only: GPUs keep none, and rounded results are not identical");
        }
    }
}
