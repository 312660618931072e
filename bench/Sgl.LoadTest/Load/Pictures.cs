using Google.Protobuf;
using NetVips;
using Sgl.TestKit;

namespace Sgl.LoadTest;

/// <summary>Pictures for questions.</summary>
internal static class Pictures
{
    /// <summary>A sample with a few pixels changed per copy: the same work for every model, and no cache knows it.</summary>
    /// <param name="count">How many.</param>
    /// <param name="seed">Two runs with one seed have the same pictures.</param>
    /// <param name="size">Columns and rows; null: the sample's.</param>
    public static IReadOnlyList<ByteString> Distinct(int count, int seed, (int Columns, int Rows)? size = null)
    {
        using var file = Image.NewFromFile(Repository.Path("samples", "shapes.jpg"));
        using var sample = size is { } wanted ? file.ThumbnailImage(wanted.Columns, wanted.Rows, size: Enums.Size.Force) : file.Copy();
        var pixels = sample.WriteToMemory<byte>();
        var pictures = new ByteString[count];
        for (var i = 0; i < count; i++)
        {
            var copy = (byte[])pixels.Clone();
            BitConverter.TryWriteBytes(copy.AsSpan(copy.Length / 2), seed);
            BitConverter.TryWriteBytes(copy.AsSpan((copy.Length / 2) + 16), i);
            using var image = Image.NewFromMemory(copy, sample.Width, sample.Height, sample.Bands, Enums.BandFormat.Uchar);
            pictures[i] = UnsafeByteOperations.UnsafeWrap(image.PngsaveBuffer(compression: 1));
        }

        return pictures;
    }
}
