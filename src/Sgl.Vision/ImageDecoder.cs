using Sgl.Vision.Internal;

namespace Sgl.Vision;

/// <summary>
/// Encoded bytes to RGB pixels, upright and on white as people see them: PNG, JPEG, WebP, GIF, BMP and TIFF; of an animation the first
/// frame, of a TIFF the first page. With <see cref="ImageDecoderOptions.ApplyExifOrientation"/> off and <see cref="AlphaHandling.Drop"/> the
/// pixels are those of Pillow's <c>Image.open(...).convert("RGB")</c>. Two known differences: 16-bit gray keeps its high byte, where Pillow
/// clips to white, and under <see cref="AlphaHandling.Drop"/> transparent GIF pixels are black, where Pillow shows the palette's colour.
/// Colours of a TIFF that were multiplied with alpha come back within 1 of Pillow's. Thread-safe.
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

    /// <summary>Reads what a file says about itself, and checks it against the limits. No pixel is decoded.</summary>
    /// <param name="encoded">The file's bytes.</param>
    /// <exception cref="ImageException">As from <see cref="Decode"/>; damage behind the header is not seen.</exception>
    public ImageHeader ReadHeader(ReadOnlySpan<byte> encoded)
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

        var header = ImageFormats.Detect(encoded) switch
        {
            ImageFormat.Png => PngHeader.Read(encoded),
            ImageFormat.Jpeg => JpegHeader.Read(encoded),
            ImageFormat.WebP => WebPHeader.Read(encoded),
            ImageFormat.Gif => GifHeader.Read(encoded),
            ImageFormat.Bmp => BmpReader.ReadHeader(encoded),
            _ => TiffHeader.Read(encoded),
        };
        PixelLimit.Check(header.Width, header.Height, _options);
        return header;
    }

    /// <summary>Decodes one image.</summary>
    /// <param name="encoded">The file's bytes.</param>
    /// <param name="cancellationToken">Stops the work between bands of rows; a frame of WebP or GIF is decoded in one piece.</param>
    /// <exception cref="ImageException">
    /// The bytes are empty, too many, of no format that is read, truncated or corrupt, or announce too many pixels or too long a side.
    /// </exception>
    public RgbImage Decode(ReadOnlyMemory<byte> encoded, CancellationToken cancellationToken = default)
    {
        var header = ReadHeader(encoded.Span);
        cancellationToken.ThrowIfCancellationRequested();
        return header.Format == ImageFormat.Bmp
            ? BmpReader.Read(encoded.Span, _options, cancellationToken)
            : VipsReader.Read(encoded, header, _options, cancellationToken);
    }
}
