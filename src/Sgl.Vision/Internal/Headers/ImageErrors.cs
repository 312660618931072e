namespace Sgl.Vision.Internal;

/// <summary>The sentences that readers of all formats share.</summary>
internal static class ImageErrors
{
    public static ImageException Truncated(ImageFormat format, Exception? cause = null) => Create(ImageErrorReason.Truncated, $"The {ImageFormats.NameOf(format)} image ends too early.", cause);

    public static ImageException Corrupt(ImageFormat format, Exception? cause = null) => Create(ImageErrorReason.Corrupt, $"The {ImageFormats.NameOf(format)} image is damaged.", cause);

    public static ImageException Unsupported(string message) => new(ImageErrorReason.UnsupportedFormat, message);

    private static ImageException Create(ImageErrorReason reason, string message, Exception? cause) =>
        cause is null ? new ImageException(reason, message) : new ImageException(reason, message, cause);
}
