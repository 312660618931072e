using Sgl.Vision;

namespace Sgl.ModelServing;

/// <summary>Memory that preparing a request takes, known from the headers of its images.</summary>
/// <param name="PeakBytes">At the worst moment of decoding and preprocessing.</param>
/// <param name="ResultBytes">Of the normalised pixels, held until the vision tower has seen them.</param>
public readonly record struct PreparationCost(long PeakBytes, long ResultBytes)
{
    /// <summary>The cost of a request.</summary>
    /// <param name="headers">Of its images.</param>
    /// <param name="processing">What preprocessing takes for each; empty where they are only decoded.</param>
    public static PreparationCost Of(IReadOnlyList<ImageHeader> headers, IReadOnlyList<ProcessingCost> processing)
    {
        ArgumentNullException.ThrowIfNull(headers);
        ArgumentNullException.ThrowIfNull(processing);
        if (headers.Count == 0)
        {
            return default;
        }

        // All pictures are decoded, one after the other, and then made into tensors, one after the other.
        var decoded = headers.Sum(h => h.RgbBytes);
        var decoding = headers.Max(h => h.PeakBytes - h.RgbBytes);
        var result = processing.Sum(p => p.ResultBytes);
        var work = processing.Select(p => p.WorkBytes).DefaultIfEmpty().Max();
        return new PreparationCost(decoded + Math.Max(decoding, result + work), result);
    }
}
