using Sgl.Vision;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>The tiles of one image that are to be encoded, and their keys. Tiles are counted from the image's first.</summary>
internal sealed class ImageTiles
{
    private readonly List<int> _missing;
    private readonly Dictionary<int, VisionKey> _keys = [];

    private ImageTiles(int image, VisualInput input, int firstTile, int firstToken, IEnumerable<int> wanted)
    {
        (Image, Input, FirstTile, FirstToken) = (image, input, firstTile, firstToken);
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
    public static List<ImageTiles> Of(IReadOnlyList<VisualInput> images, int[] wanted)
    {
        var all = new List<ImageTiles>();
        int firstTile = 0, firstToken = 0;
        for (var i = 0; i < images.Count; i++)
        {
            var tiles = new ImageTiles(i, images[i], firstTile, firstToken, wanted);
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

    /// <summary>Computes the cache keys of what is to be encoded.</summary>
    public void ComputeKeys(string? scope) => _missing.ForEach(tile => _keys[tile] = VisionKey.OfTile(Input, tile, scope));

    /// <summary>The cache key of a tile; null where the cache is not used.</summary>
    public VisionKey? Key(int tile) => _keys.TryGetValue(tile, out var key) ? key : null;

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
