using Sgl.Models;

namespace Sgl.Inference.Internal.Runtime;

/// <summary>
/// Which arithmetic linear layers are meant to have: <c>Engine:Weights</c> applied to a checkpoint. A matrix is rounded to 8 bits only where all of this holds,
/// otherwise it stays float32:
/// <list type="bullet">
/// <item>its layer runs on a CPU;</item>
/// <item>it is not at the border of the vision tower: what every pixel or every visual token passes through once, the patch projection and the projector,
/// costs little and its rounding reaches everything behind it (docs/results/performance.md);</item>
/// <item>it has at least <see cref="SmallestSide"/> rows and columns: smaller ones gain nothing;</item>
/// <item>rounding moves it by at most <see cref="LargestError"/> (|W - W8| / |W|, Frobenius), which rows with single huge weights do not allow.</item>
/// </list>
/// By <c>int4</c> the matrices of the decoder's layers are rounded to 4 bits instead, where their inputs can be cut in blocks and rounding moves them by at most
/// <see cref="LargestErrorOf4Bits"/>; head and tower, and what this leaves, keep to the rules above.
/// What a folder stores in 8 or 4 bits runs as stored, unless float32 is asked for. On GPUs other rules hold: <see cref="DeviceFormats"/>.
/// </summary>
/// <param name="Kind">The setting.</param>
/// <param name="Rounds">Whether matrices are rounded: by <c>auto</c> those that are stored in 16 bits, by <c>int8</c> and <c>int4</c> all.</param>
/// <param name="Reason">Why, for the log.</param>
internal sealed record WeightPlan(WeightPrecision Kind, bool Rounds, string Reason)
{
    /// <summary>The 16-bit type of a GPU that CPUs compute like, its formats of weights included; null: as CPUs do. For verification.</summary>
    public ComputeType? Emulates { get; init; }

    /// <summary>Smallest number of rows and columns of a matrix that is rounded.</summary>
    public const int SmallestSide = 64;

    /// <summary>Largest relative change of a matrix that is rounded. 7 bits change normally distributed rows by 1.5 %, 8 bits by 0.8 %.</summary>
    public const double LargestError = 0.03;

    /// <summary>
    /// Largest relative change of a matrix that is rounded to 4 bits. Blocks of 64 change normally distributed values by 9 %, double exponential ones by 11 %.
    /// </summary>
    public const double LargestErrorOf4Bits = 0.15;

    // Below this width of the decoder a product is over before the rounding of its rows has paid.
    private const int SmallestWidthOfAuto = 512;

    /// <summary>Reads the setting.</summary>
    /// <param name="setting"><c>auto</c>, <c>float32</c>, <c>int8</c> or <c>int4</c>.</param>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="onCpu">Whether any layer runs on a CPU.</param>
    public static WeightPlan Of(string setting, Checkpoint checkpoint, bool onCpu)
    {
        var kind = Enum.Parse<WeightPrecision>(setting, ignoreCase: true);
        if (!onCpu)
        {
            return new WeightPlan(kind, false, kind == WeightPrecision.Auto ? "no layer runs on a CPU" : "Engine:Weights says so");
        }

        if (kind != WeightPrecision.Auto)
        {
            return new WeightPlan(kind, kind is WeightPrecision.Int8 or WeightPrecision.Int4, "Engine:Weights says so");
        }

        // The output projection stands for all: it is one matrix in every family.
        var first = checkpoint.Linear(checkpoint.Decoder.Layers[0].Output.Weight);
        var (width, stored) = (checkpoint.Config.Language.HiddenSize, $"the folder stores {first.StoredAs}");
        return !first.Is16Bit && first is not (Int8Matrix or Int4Matrix) ? new WeightPlan(kind, false, stored)
            : width < SmallestWidthOfAuto ? new WeightPlan(kind, false, $"{stored}, and a decoder {width} wide gains nothing from rounding")
            : new WeightPlan(kind, true, stored);
    }

    /// <summary>Weights of the linear layers in front of the vision tower's blocks and behind them.</summary>
    public static HashSet<string> Border(VisionNames names) =>
        new([names.PatchEmbedding.Weight, names.Projector1.Weight, names.Projector2.Weight, .. names.DeepStack.SelectMany(m => new[] { m.First.Weight, m.Second.Weight })], StringComparer.Ordinal);

    /// <summary>Weights of the linear layers of a decoder, the head apart.</summary>
    public static HashSet<string> Layers(DecoderNames names) => new(names.Layers.SelectMany(Of).Select(l => l.Weight), StringComparer.Ordinal);

    /// <summary>Whether the matrices of the decoder's layers are to be rounded to 4 bits.</summary>
    public bool RoundsTo4Bits => Rounds && Kind == WeightPrecision.Int4;

    /// <summary>Whether layers that are stored in 8 or 4 bits run so.</summary>
    public bool UsesStored => Kind != WeightPrecision.Float32;

    /// <summary>Whether a matrix is to be rounded, if that changes it little enough.</summary>
    public bool RoundsMatrix(LinearMatrix matrix) =>
        Rounds && (Kind != WeightPrecision.Auto || matrix.Is16Bit) && Math.Min(matrix.Inputs, matrix.Outputs) >= SmallestSide;

    private static IEnumerable<LinearNames> Of(DecoderLayerNames layer) =>
    [
        .. layer.Qkv switch
        {
            QkvNames.Separate s => [s.Query, s.Key, s.Value],
            QkvNames.Concatenated c => [c.Qkv],
            QkvNames.Grouped p => [p.Qkv],
            _ => Array.Empty<LinearNames>(),
        },
        layer.Output,
        .. layer.GateUp switch
        {
            GateUpNames.Separate s => [s.Gate, s.Up],
            GateUpNames.Concatenated c => [c.GateUp],
            _ => Array.Empty<LinearNames>(),
        },
        layer.Down,
    ];
}
