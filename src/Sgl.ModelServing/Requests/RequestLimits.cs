using Sgl.Vision;

namespace Sgl.ModelServing;

/// <summary>What one request may ask for. Bound from configuration section <c>Requests</c>.</summary>
public sealed class RequestLimits
{
    /// <summary>Name of the configuration section.</summary>
    public const string SectionName = "Requests";

    /// <summary>Most pixels (width times height) of one image, checked against its header before memory is taken.</summary>
    /// <value>Default 64 000 000.</value>
    public long MaxImagePixels { get; set; } = 64_000_000;

    /// <summary>Most bytes of one encoded image.</summary>
    /// <value>Default 33 554 432 (32 MiB).</value>
    public int MaxImageBytes { get; set; } = 32 * 1024 * 1024;

    /// <summary>Most pixels of all images of one request together.</summary>
    /// <value>Default 128 000 000.</value>
    public long MaxRequestPixels { get; set; } = 128_000_000;

    /// <summary>
    /// Requests whose images are decoded and resized at the same time; others wait. Bounds the memory for pixels together with
    /// <see cref="MaxRequestPixels"/>. 0 means one per core.
    /// </summary>
    /// <value>Default 0.</value>
    public int MaxConcurrentPreparations { get; set; }

    /// <summary>Turn pictures upright as their EXIF orientation says, which the models' reference pipelines do not do.</summary>
    /// <value>Default false.</value>
    public bool ApplyExifOrientation { get; set; }

    internal ImageDecoderOptions DecoderOptions() => new()
    {
        MaxPixels = MaxImagePixels,
        MaxBytes = MaxImageBytes,
        ApplyExifOrientation = ApplyExifOrientation,
    };

    internal int Preparations() => MaxConcurrentPreparations > 0 ? MaxConcurrentPreparations : Environment.ProcessorCount;
}
