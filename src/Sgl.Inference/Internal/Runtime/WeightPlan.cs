using Sgl.Models;

namespace Sgl.Inference.Internal.Runtime;

/// <summary>
/// Which arithmetic linear layers are meant to have: <c>Engine:Weights</c> applied to a checkpoint. A matrix is rounded to 8 bits only where all of this holds,
/// otherwise it stays float32:
/// <list type="bullet">
/// <item>its layer runs on a CPU;</item>
/// <item>it has at least <see cref="SmallestSide"/> rows and columns: smaller ones gain nothing;</item>
/// <item>rounding moves it by at most <see cref="LargestError"/> (|W - W8| / |W|, Frobenius), which rows with single huge weights do not allow.</item>
/// </list>
/// What a folder stores in 8 or 4 bits runs as stored.
/// </summary>
/// <param name="Rounds">Whether matrices are rounded.</param>
/// <param name="Reason">Why, for the log.</param>
internal sealed record WeightPlan(bool Rounds, string Reason)
{
    /// <summary>Smallest number of rows and columns of a matrix that is rounded.</summary>
    public const int SmallestSide = 64;

    /// <summary>Largest relative change of a matrix that is rounded. 7 bits change normally distributed rows by 1.5 %, 8 bits by 0.8 %.</summary>
    public const double LargestError = 0.03;

    // Below this width of the decoder a product is over before the rounding of its rows has paid.
    private const int SmallestWidthOfAuto = 512;

    /// <summary>Reads the setting.</summary>
    /// <param name="setting"><c>auto</c>, <c>float32</c> or <c>int8</c>.</param>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="onCpu">Whether any layer runs on a CPU.</param>
    public static WeightPlan Of(string setting, Checkpoint checkpoint, bool onCpu)
    {
        var kind = Enum.Parse<WeightPrecision>(setting, ignoreCase: true);
        if (!onCpu)
        {
            return new WeightPlan(false, "no layer runs on a CPU");
        }

        if (kind != WeightPrecision.Auto)
        {
            return new WeightPlan(kind == WeightPrecision.Int8, "Engine:Weights says so");
        }

        var type = checkpoint.Weights[checkpoint.Decoder.Layers[0].Output.Weight].DataType;
        return type is not (TensorDataType.BFloat16 or TensorDataType.Float16) ? new WeightPlan(false, $"the file stores {type}")
            : checkpoint.Config.Language.HiddenSize < SmallestWidthOfAuto
                ? new WeightPlan(false, $"a decoder {checkpoint.Config.Language.HiddenSize} wide gains nothing from 8 bits")
                : new WeightPlan(true, $"the file stores {type}");
    }
}
