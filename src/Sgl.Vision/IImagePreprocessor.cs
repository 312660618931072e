namespace Sgl.Vision;

/// <summary>A model family's image preprocessing. Implementations have no state and are thread-safe.</summary>
public interface IImagePreprocessor
{
    /// <summary>The family's name, for messages.</summary>
    string Family { get; }

    /// <summary>What becomes of an image with the checkpoint's settings, in a few words.</summary>
    string Description { get; }

    /// <summary>The limits of a request that mean something to the family.</summary>
    ImageLimitKinds KnownLimits { get; }

    /// <summary>The visual tokens that an image of this size becomes, without looking at a pixel.</summary>
    /// <param name="width">Columns of the original image.</param>
    /// <param name="height">Rows of the original image.</param>
    /// <param name="limits">The request's limits, or null for the checkpoint's.</param>
    /// <exception cref="ImageException">The family does not accept the size.</exception>
    /// <exception cref="ArgumentException">The limits contradict themselves.</exception>
    VisualLayout Plan(int width, int height, ImageLimits? limits = null);

    /// <summary>Resizes, cuts and normalises an image.</summary>
    /// <param name="image">The original image.</param>
    /// <param name="limits">The request's limits, or null for the checkpoint's.</param>
    /// <param name="cancellationToken">Stops the work between rows.</param>
    /// <exception cref="ImageException">The family does not accept the size.</exception>
    /// <exception cref="ArgumentException">The limits contradict themselves.</exception>
    VisualInput Process(RgbImage image, ImageLimits? limits = null, CancellationToken cancellationToken = default);

    /// <summary>What <see cref="Process"/> takes besides the image, and what of it is left in its result.</summary>
    /// <param name="width">Columns of the original image.</param>
    /// <param name="height">Rows of the original image.</param>
    /// <param name="limits">The request's limits, or null for the checkpoint's.</param>
    /// <exception cref="ImageException">The family does not accept the size.</exception>
    /// <exception cref="ArgumentException">The limits contradict themselves.</exception>
    ProcessingCost Cost(int width, int height, ImageLimits? limits = null);

    /// <summary>The preprocessing for a prompt with that many images; LLaVA-OneVision cuts only a single image into tiles.</summary>
    /// <param name="count">Images in the prompt.</param>
    IImagePreprocessor ForImages(int count) => this;
}
