namespace Sgl.Vision;

/// <summary>Memory of preprocessing one image.</summary>
/// <param name="ResultBytes">Of the normalised pixels.</param>
/// <param name="WorkBytes">Of resized pictures and rows on their way, free again when the result is there.</param>
public readonly record struct ProcessingCost(long ResultBytes, long WorkBytes)
{
    /// <summary>The cost of making a tensor from pictures that are resized first.</summary>
    /// <param name="floats">Values of the tensor.</param>
    /// <param name="resizedPixels">Pixels of all resized pictures.</param>
    /// <param name="width">Columns of the original image.</param>
    /// <param name="height">Rows of the original image.</param>
    internal static ProcessingCost Of(long floats, long resizedPixels, int width, int height)
    {
        // Weights are four taps a sample and side. The window between the passes holds, in each band, two times four rows' worth of a result row.
        var weights = 16L * (width + height) * 2;
        return new ProcessingCost(sizeof(float) * floats, (3 * resizedPixels) + weights + (4 << 20));
    }
}
