using Sgl.Inference;
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

    /// <summary>Longest side of one image in pixels, checked against its header.</summary>
    /// <value>Default 32 768.</value>
    public int MaxImageSide { get; set; } = 32_768;

    /// <summary>Largest ratio of an image's longer to its shorter side, checked against its header. A model family may have a lower one.</summary>
    /// <value>Default 1000.</value>
    public int MaxImageAspectRatio { get; set; } = 1000;

    /// <summary>Most bytes of one encoded image.</summary>
    /// <value>Default 33 554 432 (32 MiB).</value>
    public int MaxImageBytes { get; set; } = 32 * 1024 * 1024;

    /// <summary>Most pixels of all images of one request together.</summary>
    /// <value>Default 128 000 000.</value>
    public long MaxRequestPixels { get; set; } = 128_000_000;

    /// <summary>Requests whose images are decoded and resized at the same time; others wait. 0 means one per core.</summary>
    /// <value>Default 0.</value>
    public int MaxConcurrentPreparations { get; set; }

    /// <summary>
    /// Memory in MiB for decoding and resizing images, and for their normalised pixels until the vision tower has seen them, all requests together.
    /// What a request takes is known from its images' headers; it waits for that much, and is refused where it is more than all of it. The encoded images themselves are not counted.
    /// </summary>
    /// <value>Default 2048, with which every request within the other limits' defaults fits.</value>
    public int PreparationMemoryMiB { get; set; } = 2048;

    /// <summary>
    /// Turn pictures upright as their EXIF orientation says. Part of the layout key and of input digests: two services that differ in it
    /// see different pictures and are not paired.
    /// </summary>
    /// <value>Default true. False: as stored.</value>
    public bool ApplyExifOrientation { get; set; } = true;

    /// <summary>
    /// What becomes of transparency: <c>White</c> lays pictures on white, as viewers show them; <c>Drop</c> leaves alpha out, and hidden
    /// colours come to light (Pillow's <c>convert("RGB")</c>). Part of the layout key and of input digests.
    /// </summary>
    /// <value>Default <c>White</c>.</value>
    public AlphaHandling Alpha { get; set; } = AlphaHandling.White;

    /// <summary>How a model cuts images, with how this service sees them: services with equal keys see the same visual tokens.</summary>
    /// <param name="model">The model.</param>
    public string VisualLayoutKey(ModelDescription model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return $"{model.VisualLayoutKey};{DecoderOptions().ViewKey}";
    }

    /// <summary>How images are decoded under these limits.</summary>
    public ImageDecoderOptions DecoderOptions() => new()
    {
        MaxPixels = MaxImagePixels,
        MaxSide = MaxImageSide,
        MaxAspectRatio = MaxImageAspectRatio,
        MaxBytes = MaxImageBytes,
        ApplyExifOrientation = ApplyExifOrientation,
        Alpha = Alpha,
    };

    /// <summary>Bytes for the pictures of all requests that are prepared at the same time.</summary>
    public long PreparationBytes() => (long)PreparationMemoryMiB << 20;

    /// <summary>Requests that are prepared at the same time.</summary>
    public int Preparations() => MaxConcurrentPreparations > 0 ? MaxConcurrentPreparations : Environment.ProcessorCount;
}
