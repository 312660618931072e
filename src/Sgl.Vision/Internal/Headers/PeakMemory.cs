namespace Sgl.Vision.Internal;

/// <summary>Bytes that decoding holds at one time.</summary>
internal static class PeakMemory
{
    /// <summary>Bands of rows on their way, caches of the decoder.</summary>
    private const long Fixed = 8 << 20;

    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    /// <param name="besides">Bytes per pixel that the decoder holds besides the RGB pixels.</param>
    /// <param name="more">Bytes that do not depend on the number of pixels.</param>
    public static long Of(long width, long height, double besides, long more = 0)
    {
        // Sizes are not yet checked here: a header may claim four billion by four billion.
        var bytes = ((3 + besides) * width * height) + more + Fixed;
        return bytes < long.MaxValue / 4 ? (long)bytes : long.MaxValue / 4;
    }
}
