using CsCheck;

namespace Sgl.Vision.Tests;

/// <summary>Whatever the bytes, there is an image or an <see cref="ImageException"/>. A crash of the native library ends the test run.</summary>
public class ImageDecoderFuzzTests
{
    private static readonly ImageDecoder Decoder = new(new ImageDecoderOptions { MaxPixels = 4_000_000 });

    private static readonly byte[][] Seeds =
    [
        .. VisionData.Oracle.Files.Select(f => VisionData.ImageFile(f.Name)),
        .. VisionData.Pictures.Select(p => VisionData.PictureBytes(p.Name)),
    ];

    private static readonly Gen<byte[]> Seed = Gen.Int[0, Seeds.Length - 1].Select(i => Seeds[i]);

    [Fact]
    public void Decode_RandomBytesBehindASignature_IsImageOrImageException() =>
        Gen.Select(Seed, Gen.Int[0, 60], Gen.Byte.Array[0, 400])
            .Sample((seed, keep, tail) => IsHandled([.. seed.AsSpan(0, Math.Min(keep, seed.Length)), .. tail]), iter: 1500, threads: 2);

    [Fact]
    public void Decode_CutAnywhere_IsImageOrImageException() =>
        Gen.Select(Seed, Gen.Double[0, 1])
            .Sample((seed, share) => IsHandled(seed.AsSpan(0, (int)(seed.Length * share)).ToArray()), iter: 1500, threads: 2);

    [Fact]
    public void Decode_BytesChanged_IsImageOrImageException() =>
        Gen.Select(Seed, Gen.Select(Gen.Double[0, 1], Gen.Byte).Array[1, 12])
            .Sample((seed, changes) =>
            {
                var bytes = seed.ToArray();
                foreach (var (place, value) in changes)
                {
                    // Squared: headers are short and hold most of what can go wrong.
                    bytes[(int)(place * place * (bytes.Length - 1))] = value;
                }

                return IsHandled(bytes);
            }, iter: 3000, threads: 2);

    [Fact]
    public void Seeds_Unchanged_AllDecode() => Assert.All(Seeds, s => Assert.NotEmpty(Decoder.Decode(s).Pixels));

    private static bool IsHandled(byte[] bytes)
    {
        try
        {
            var image = Decoder.Decode(bytes);
            return image.Pixels.Length == 3 * image.Width * image.Height && (long)image.Width * image.Height <= 4_000_000;
        }
        catch (ImageException e)
        {
            return e.Message.Length is > 0 and < 200;
        }
    }
}
