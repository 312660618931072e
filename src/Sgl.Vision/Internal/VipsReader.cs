using NetVips;

namespace Sgl.Vision.Internal;

/// <summary>
/// The only class that knows libvips. It is used as a set of loaders and for nothing else: sizes are checked between the header and
/// the first pixel, rows are fetched a band at a time and converted here, since libvips' own colour conversion differs from Pillow's.
/// </summary>
internal static class VipsReader
{
    /// <summary>Bytes of a band of rows. Each is an array of its own; larger ones would be collected late, and the picture be in memory twice.</summary>
    private const int BandBytes = 64 << 10;

    /// <summary>Loaders that are open; all others of libvips are shut.</summary>
    private static readonly string[] Loaders = ["Jpeg", "Png", "Webp", "Nsgif", "Tiff"];

    // A delegate handed to native code must outlive it.
    private static readonly Log.LogDelegate Silence = static (_, _, _) => { };
    private static readonly Lazy<bool> Initialised = new(Initialise);

    /// <param name="encoded">The file.</param>
    /// <param name="header">What its header says; within the limits.</param>
    /// <param name="options">Limits and choices.</param>
    /// <param name="cancellationToken">
    /// Stops the work between two bands, and where the decoder asks for more of the file. WebP and GIF decode a frame in one piece: there it
    /// takes effect behind it.
    /// </param>
    public static RgbImage Read(ReadOnlyMemory<byte> encoded, ImageHeader header, ImageDecoderOptions options, CancellationToken cancellationToken)
    {
        EnsureReady();
        try
        {
            var position = 0L;
            using var source = new SourceCustom();
            source.OnRead += (buffer, length) => Read(encoded, ref position, buffer, length, cancellationToken);
            source.OnSeek += (offset, origin) => Seek(encoded.Length, ref position, offset, origin, cancellationToken);
            using var image = Open(source, header.Format);
            PixelLimit.Check(image.Width, image.Height, options);
            return header.Format == ImageFormat.Gif || (image.Width == header.Width && image.Height == header.Height)
                ? ReadPixels(image, header, options, cancellationToken)
                : throw ImageErrors.Corrupt(header.Format);
        }
        catch (VipsException e)
        {
            // A stopped read looks to the decoder like the end of the file.
            cancellationToken.ThrowIfCancellationRequested();
            throw ImageFormats.LooksTruncated(encoded.Span, header.Format) ? ImageErrors.Truncated(header.Format, e) : ImageErrors.Corrupt(header.Format, e);
        }
    }

    /// <summary>Loads the native library and shuts what is not needed of it.</summary>
    public static void EnsureReady() => _ = Initialised.Value;

    private static bool Initialise()
    {
        if (!ModuleInitializer.VipsInitialized)
        {
            throw new InvalidOperationException("The native image library libvips could not be loaded.", ModuleInitializer.Exception);
        }

        foreach (var domain in (ReadOnlySpan<string>)["VIPS", "GLib", "GLib-GObject"])
        {
            _ = Log.SetLogHandler(domain, Enums.LogLevelFlags.Warning | Enums.LogLevelFlags.Critical | Enums.LogLevelFlags.Message
                | Enums.LogLevelFlags.Info | Enums.LogLevelFlags.Debug, Silence);
        }

        // Every loader that is not needed is attack surface.
        NetVips.NetVips.BlockUntrusted = true;
        Operation.Block("VipsForeign", true);
        Operation.Block("VipsProfileLoad", true);
        foreach (var loader in Loaders)
        {
            Operation.Block($"VipsForeignLoad{loader}Source", false);
        }

        // Images of different requests are decoded side by side; a pool of threads inside each would only get in the way.
        NetVips.NetVips.Concurrency = 1;
        Cache.Max = 0;
        Cache.MaxMem = 0;
        Cache.MaxFiles = 0;
        return true;
    }

    /// <summary>By the format's own loader, so that what was recognised here is what is read.</summary>
    private static Image Open(Source source, ImageFormat format)
    {
        const Enums.Access access = Enums.Access.Sequential;
        const Enums.FailOn failOn = Enums.FailOn.Truncated;

        // Formats without rows in sequence are unpacked as a whole, above 100 MB into a temporary file unless memory is asked for.
        return format switch
        {
            ImageFormat.Jpeg => Image.JpegloadSource(source, access: access, failOn: failOn),
            ImageFormat.Png => Image.PngloadSource(source, access: access, failOn: failOn),
            ImageFormat.WebP => Image.WebploadSource(source, memory: true, access: access, failOn: failOn),
            ImageFormat.Gif => Image.GifloadSource(source, memory: true, access: access, failOn: failOn),
            _ => Image.TiffloadSource(source, access: access, failOn: failOn, unlimited: true),
        };
    }

    private static RgbImage ReadPixels(Image image, ImageHeader header, ImageDecoderOptions options, CancellationToken cancellationToken)
    {
        int width = image.Width, height = image.Height, bands = image.Bands;
        var sampleBytes = image.Format switch
        {
            Enums.BandFormat.Uchar => 1,
            Enums.BandFormat.Ushort => 2,
            _ => throw Unsupported(),
        };
        var isCmyk = image.Interpretation == Enums.Interpretation.Cmyk;
        if (bands < 1 || bands > (isCmyk ? 5 : 4) || (isCmyk && bands < 4))
        {
            throw Unsupported();
        }

        var rowBytes = width * bands * sampleBytes;
        var bandRows = Math.Clamp(BandBytes / rowBytes, 1, height);
        var converter = new SampleConverter(width, bands, sampleBytes == 2, isCmyk, header.IsExtraBandAlpha && options.Alpha == AlphaHandling.White);
        var upright = new UprightImage(width, height, options.ApplyExifOrientation ? header.Orientation : 1);
        using var region = Region.New(image);
        for (var top = 0; top < height; top += bandRows)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var rows = Math.Min(bandRows, height - top);
            var samples = region.Fetch(0, top, width, rows);
            for (var y = 0; y < rows; y++)
            {
                converter.Convert(samples.AsSpan(y * rowBytes, rowBytes), upright.Row(top + y));
                upright.Commit(top + y);
            }
        }

        // What a stopped read made of the rest is no picture.
        cancellationToken.ThrowIfCancellationRequested();
        return upright.Image;
    }

    private static int Read(ReadOnlyMemory<byte> encoded, ref long position, byte[] buffer, int length, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested || position < 0)
        {
            return -1;
        }

        var count = (int)Math.Min(length, Math.Max(0, encoded.Length - position));
        encoded.Span.Slice((int)Math.Min(position, encoded.Length), count).CopyTo(buffer);
        position += count;
        return count;
    }

    private static long Seek(long size, ref long position, long offset, SeekOrigin origin, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return -1;
        }

        var from = origin switch { SeekOrigin.Begin => 0, SeekOrigin.Current => position, _ => size };
        return from + offset >= 0 ? position = from + offset : -1;
    }

    private static ImageException Unsupported() =>
        new(ImageErrorReason.UnsupportedFormat, "The image's sample format is not read; 8- and 16-bit gray, RGB, palette and CMYK are.");
}
