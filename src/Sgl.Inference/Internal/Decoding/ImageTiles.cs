using Sgl.Vision;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>The tiles of one image that are to be encoded, and their keys. Tiles are counted from the image's first.</summary>
internal sealed class ImageTiles
{
    private readonly List<int> _missing;
    private readonly VisionKey[]? _keys;

    private ImageTiles(int image, VisualInput input, int firstTile, int firstToken, IEnumerable<int> wanted, VisionKey[]? keys)
    {
        (Image, Input, FirstTile, FirstToken, _keys) = (image, input, firstTile, firstToken, keys);
        Count = PromptTiles.CountOf(input);
        _missing = [.. wanted.Where(tile => tile >= firstTile && tile < firstTile + Count).Select(tile => tile - firstTile)];
    }

    /// <summary>Index of the image.</summary>
    public int Image { get; }

    /// <summary>The preprocessed image.</summary>
    public VisualInput Input { get; }

    /// <summary>Tiles in front of it in the prompt.</summary>
    public int FirstTile { get; }

    /// <summary>Visual tokens in front of it in the prompt.</summary>
    public int FirstToken { get; }

    /// <summary>All its tiles.</summary>
    public int Count { get; }

    /// <summary>What is still to be encoded, ascending.</summary>
    public IReadOnlyList<int> Missing => _missing;

    /// <summary>Splits a prompt's tiles by image; images without any are left out.</summary>
    /// <param name="images">All images of the prompt.</param>
    /// <param name="wanted">Tiles that are to be encoded, as the prompt counts them.</param>
    /// <param name="keys">Keys of all its tiles; null: each tile is taken for one of its own.</param>
    public static List<ImageTiles> Of(IReadOnlyList<VisualInput> images, int[] wanted, VisionKey[]? keys)
    {
        var all = new List<ImageTiles>();
        int firstTile = 0, firstToken = 0;
        for (var i = 0; i < images.Count; i++)
        {
            var tiles = new ImageTiles(i, images[i], firstTile, firstToken, wanted, keys);
            firstTile += tiles.Count;
            firstToken += images[i].Layout.TokenCount;
            if (tiles.Missing.Count > 0)
            {
                all.Add(tiles);
            }
        }

        return all;
    }

    /// <summary>Whether tiles lie side by side in memory.</summary>
    public static bool AreConsecutive(int[] tiles) => tiles[^1] - tiles[0] == tiles.Length - 1;

    /// <summary>What a tile is; null where that is not told.</summary>
    public VisionKey? Key(int tile) => _keys?[FirstTile + tile];

    /// <summary>What is missing without tiles that are equal to one in front of them.</summary>
    public int[] DistinctMissing() => _keys is null ? [.. _missing] : [.. _missing.DistinctBy(tile => _keys[FirstTile + tile])];

    /// <summary>Takes tiles whose features are there out of what is missing.</summary>
    public void Remove(IReadOnlyCollection<int> tiles) => _missing.RemoveAll(tiles.Contains);

    /// <summary>Pixels of some tiles, one behind the other.</summary>
    public Memory<float> Pixels(int[] tiles)
    {
        var values = Input.PixelValues.Length / Count;
        if (AreConsecutive(tiles))
        {
            return Input.PixelValues.AsMemory(tiles[0] * values, tiles.Length * values);
        }

        var gathered = new float[tiles.Length * values];
        for (var i = 0; i < tiles.Length; i++)
        {
            Input.PixelValues.AsSpan(tiles[i] * values, values).CopyTo(gathered.AsSpan(i * values));
        }

        return gathered;
    }
}
