using Sgl.Vision.Internal;

namespace Sgl.Vision;

/// <summary>
/// Encoded bytes to RGB pixels, equal to Pillow's <c>Image.open(...).convert("RGB")</c>: PNG, JPEG, WebP, GIF and BMP; alpha is
/// dropped, of an animation the first frame is taken. Two known differences: 16-bit gray keeps its high byte, where Pillow clips to
/// white, and transparent GIF pixels are black, where Pillow shows the palette's colour. Thread-safe.
/// </summary>
/// <param name="options">Limits and choices.</param>
public sealed class ImageDecoder(ImageDecoderOptions options)
{
    private readonly ImageDecoderOptions _options = options ?? throw new ArgumentNullException(nameof(options));

    /// <summary>Decodes with the default limits.</summary>
    public ImageDecoder()
        : this(new ImageDecoderOptions())
    {
    }

    /// <summary>Decodes one image.</summary>
    /// <param name="encoded">The file's bytes.</param>
    /// <exception cref="ImageException">
    /// The bytes are empty, too many, of no format that is read, truncated or corrupt, or announce too many pixels.
    /// </exception>
    public RgbImage Decode(ReadOnlySpan<byte> encoded)
    {
        if (encoded.IsEmpty)
        {
            throw new ImageException(ImageErrorReason.Empty, "The image is empty.");
        }

        if (encoded.Length > _options.MaxBytes)
        {
            throw new ImageException(
                ImageErrorReason.TooManyBytes, $"The image has {encoded.Length} bytes; at most {_options.MaxBytes} are accepted.");
        }

        var format = ImageFormats.Detect(encoded);
        return format switch
        {
            ImageFormat.Unknown => throw new ImageException(
                ImageErrorReason.UnsupportedFormat, "The bytes are not a PNG, JPEG, WebP, GIF or BMP image."),
            ImageFormat.Bmp => BmpReader.Read(encoded, _options.MaxPixels),
            _ => VipsReader.Read(encoded, format, _options),
        };
    }
}
