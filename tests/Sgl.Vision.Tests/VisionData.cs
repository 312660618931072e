using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;

namespace Sgl.Vision.Tests;

/// <summary>The committed data, and the pictures of <c>make_oracle.py</c>.</summary>
internal static class VisionData
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new System.Text.Json.Serialization.JsonStringEnumConverter() },
    };

    private static readonly Lazy<OracleFile> LazyOracle = new(() => Load<OracleFile>("oracle.json"));

    private static readonly Lazy<PictureFile> LazyPictures = new(() => Load<PictureFile>("pictures.json"));

    public static OracleFile Oracle => LazyOracle.Value;

    /// <summary>What people send, of <c>make_pictures.py</c>.</summary>
    public static IReadOnlyList<PictureCase> Pictures => LazyPictures.Value.Files;

    /// <summary>Long thin shapes resized by Pillow.</summary>
    public static IReadOnlyList<ResampleCase> Thin => LazyPictures.Value.Thin;

    public static string PathOf(params string[] parts) => Path.Combine([AppContext.BaseDirectory, "Data", .. parts]);

    public static byte[] ImageFile(string name) => File.ReadAllBytes(PathOf("files", name));

    public static byte[] PictureBytes(string name) => File.ReadAllBytes(PathOf("pictures", name));

    public static T Load<T>(string name) => JsonSerializer.Deserialize<T>(File.ReadAllText(PathOf(name)), Json)!;

    /// <summary>The oracle's <c>picture</c>.</summary>
    public static RgbImage Picture(int width, int height, int seed) => new(width, height, Textures.Blocks(width, height, seed));

    public static RgbImage ImageOf(TestSafetensors tensors, string name)
    {
        var shape = tensors.Shape(name);
        return new RgbImage(shape[1], shape[0], tensors.Bytes(name));
    }

    public static string Sha256(ReadOnlySpan<byte> data) => Convert.ToHexStringLower(SHA256.HashData(data));

    public static string Sha256(ReadOnlySpan<float> data) => Sha256(MemoryMarshal.AsBytes(data));

    /// <summary>Floats equal in every bit, with the first difference named.</summary>
    public static void AssertSameBits(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            if (BitConverter.SingleToInt32Bits(expected[i]) != BitConverter.SingleToInt32Bits(actual[i]))
            {
                Assert.Fail($"Value {i}: expected {expected[i]:R}, got {actual[i]:R}.");
            }
        }
    }

    internal sealed record OracleFile(
        string Pillow, ResampleCase[] Resample, FamilyCase[] Internvl, FamilyCase[] Qwen2vl, FamilyCase[] Llavaov, FileCase[] Files);

    internal sealed record PictureFile(string Pillow, PictureCase[] Files, ResampleCase[] Thin);

    internal sealed record PictureCase(
        string Name, int Width, int Height, string Sha256, int UprightWidth, int UprightHeight, string UprightSha256, int Orientation, int Pages);

    internal sealed record ResampleCase(int Width, int Height, int Seed, int ToWidth, int ToHeight, ResampleFilter Filter, string Sha256);

    internal sealed record FamilyCase(
        int Width, int Height, int Seed, int ImageSize, int MaxTiles, long MinPixels, long MaxPixels, int[] Shape, string Sha256);

    internal sealed record FileCase(
        string Name, int Width, int Height, string Sha256, int UprightWidth, int UprightHeight, string UprightSha256);
}
