using NetVips;

namespace Sgl.Vision.Internal;

/// <summary>
/// The only class that knows libvips. It is used as a set of loaders and for nothing else: sizes are checked between the header and
/// the first pixel, and the raw bands are converted here, since libvips' own colour conversion differs from Pillow's.
/// </summary>
internal static class VipsReader
{
    // A delegate handed to native code must outlive it.
    private static readonly Log.LogDelegate Silence = static (_, _, _) => { };
    private static readonly Lazy<bool> Initialised = new(Initialise);

    public static RgbImage Read(ReadOnlySpan<byte> encoded, ImageFormat format, ImageDecoderOptions options)
    {
        _ = Initialised.Value;
        try
        {
            using var image = Image.NewFromBuffer(encoded, access: Enums.Access.Sequential, failOn: Enums.FailOn.Truncated);
            PixelLimit.Check(image.Width, image.Height, options.MaxPixels);
            var rgb = ReadPixels(image);
            return options.ApplyExifOrientation ? Orientation.Apply(rgb, ReadOrientation(image)) : rgb;
        }
        catch (VipsException e)
        {
            throw ImageFormats.LooksTruncated(encoded, format)
                ? new ImageException(ImageErrorReason.Truncated, $"The {ImageFormats.NameOf(format)} image ends too early.", e)
                : new ImageException(ImageErrorReason.Corrupt, $"The {ImageFormats.NameOf(format)} image is damaged.", e);
        }
    }

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
        Operation.Block("VipsForeign", true);
        foreach (var loader in (ReadOnlySpan<string>)["Jpeg", "Png", "Webp", "Nsgif"])
        {
            Operation.Block($"VipsForeignLoad{loader}Buffer", false);
        }

        // Images of different requests are decoded side by side; a pool of threads inside each would only get in the way.
        NetVips.NetVips.Concurrency = 1;
        Cache.Max = 0;
        Cache.MaxMem = 0;
        Cache.MaxFiles = 0;
        return true;
    }

    private static unsafe RgbImage ReadPixels(Image image)
    {
        int width = image.Width, height = image.Height, bands = image.Bands;
        var sampleBytes = image.Format switch
        {
            Enums.BandFormat.Uchar => 1,
            Enums.BandFormat.Ushort => 2,
            _ => throw Unsupported(),
        };
        var isCmyk = image.Interpretation == Enums.Interpretation.Cmyk;
        if (bands is < 1 or > 4 || (isCmyk && bands != 4))
        {
            throw Unsupported();
        }

        var pointer = image.WriteToMemory(out var size);
        try
        {
            var samples = checked(width * height * bands);
            if (size != (ulong)samples * (ulong)sampleBytes)
            {
                throw new ImageException(ImageErrorReason.Corrupt, "The image has another size than its header says.");
            }

            var rgb = GC.AllocateUninitializedArray<byte>(3 * width * height);
            if (sampleBytes == 1)
            {
                Bands.ToRgb(new ReadOnlySpan<byte>((void*)pointer, samples), bands, isCmyk, rgb);
            }
            else
            {
                Bands.ToRgb(new ReadOnlySpan<ushort>((void*)pointer, samples), bands, rgb);
            }

            return new RgbImage(width, height, rgb);
        }
        finally
        {
            NetVips.NetVips.Free(pointer);
        }
    }

    private static int ReadOrientation(Image image) =>
        image.Contains("orientation") && image.Get("orientation") is int orientation ? orientation : 1;

    private static ImageException Unsupported() =>
        new(ImageErrorReason.UnsupportedFormat, "The image's sample format is not read; 8- and 16-bit gray, RGB, palette and CMYK are.");
}
