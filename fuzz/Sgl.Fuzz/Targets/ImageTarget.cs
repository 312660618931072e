using Sgl.Fuzz.Internal;
using Sgl.Vision;

namespace Sgl.Fuzz;

/// <summary>Image files of one format: decoded, and cut as each family cuts them.</summary>
/// <param name="format">Ending of the files.</param>
internal sealed class ImageTarget(string format) : IFuzzTarget
{
    private static readonly ImageDecoder Decoder = new(new ImageDecoderOptions { MaxPixels = 4_000_000 });

    private static readonly IImagePreprocessor[] Families =
    [
        new InternVlPreprocessor(new InternVlImageOptions()),
        new Qwen2VlPreprocessor(new Qwen2VlImageOptions { MaxPixels = 200_704 }),
        new LlavaOneVisionPreprocessor(new LlavaOneVisionImageOptions { Pinpoints = [(384, 768), (768, 384), (768, 768)], MaxTilesAnyres = 9 }),
    ];

    public string Name => $"image-{format}";

    public CaseBounds Bounds => new(TimeSpan.FromSeconds(10), 1536L << 20);

    public IReadOnlyList<string> Dictionary => format switch
    {
        "png" => ["IHDR", "IDAT", "PLTE", "tRNS", "eXIf", "iCCP", "acTL", "tEXt", "zTXt", "iTXt", "Raw profile type exif", "XML:com.adobe.xmp", "IEND"],
        "jpg" => ["\u00FF\u00C0", "\u00FF\u00C2", "\u00FF\u00DA", "\u00FF\u00DD", "\u00FF\u00E1", "Exif\0\0", "http://ns.adobe.com/xap/1.0/\0", "tiff:Orientation=\"6\"", "\u00FF\u00D9", "Adobe"],
        "webp" => ["RIFF", "WEBP", "VP8 ", "VP8L", "VP8X", "ALPH", "ANIM", "ANMF", "EXIF", "XMP "],
        "tif" => ["II*\0", "MM\0*", "II+\0"],
        _ => ["GIF89a", "BM"],
    };

    public Task<IReadOnlyList<Seed>> OpenAsync()
    {
        // Formats that are refused by name go through the same door.
        IReadOnlyList<Seed> seeds =
        [
            .. Corpus.Files("tests/Sgl.Vision.Tests/Data", $"*.{format}*").Where(s => Path.GetExtension(s.Name).TrimStart('.') is var e && (e == format || (format == "tif" && e == "tiff"))),
            .. Corpus.Files($"fuzz/corpus/image/{format}", "*"),
        ];
        return Task.FromResult(seeds);
    }

    public Task<bool> RunAsync(Seed seed, byte[] bytes)
    {
        try
        {
            var image = Decoder.Decode(bytes);
            if (image.Pixels.Length != 3L * image.Width * image.Height)
            {
                throw new InvalidOperationException($"{image.Width} x {image.Height} pixels have {image.Pixels.Length} bytes");
            }

            foreach (var family in Families)
            {
                var input = family.Process(image);
                if (Array.Exists(input.PixelValues, v => !float.IsFinite(v)))
                {
                    throw new InvalidOperationException($"{family.Family} made a pixel that is no number");
                }
            }

            return Task.FromResult(true);
        }
        catch (ImageException e) when (e.Message.Length is > 0 and < 400)
        {
            return Task.FromResult(false);
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
