namespace Sgl.Guidance;

/// <summary>
/// Which visual tokens a vision tower makes from which tiles. A tile is what the tower encodes without looking at anything else: a tile or thumbnail, a view,
/// or a whole image. Tiles and tokens are counted over all images of a prompt. Immutable.
/// </summary>
/// <remarks>
/// Mostly a token comes from one tile. Where a grid of views is reduced by interpolation, one at a border comes from up to four. Separators (the newline at
/// the end of a row of views) come from no tile, but stand for a row of some.
/// </remarks>
public sealed class TileTokens
{
    private readonly bool[] _isOverview;
    private readonly int[] _imageOf;
    private readonly int[] _first;
    private readonly int[] _tiles;
    private readonly bool[] _isSeparator;

    private TileTokens(bool[] isOverview, int[] imageOf, int[] first, int[] tiles, bool[] isSeparator) =>
        (_isOverview, _imageOf, _first, _tiles, _isSeparator) = (isOverview, imageOf, first, tiles, isSeparator);

    /// <summary>Tiles of all images.</summary>
    public int TileCount => _isOverview.Length;

    /// <summary>N_I, visual tokens of all images.</summary>
    public int TokenCount => _isSeparator.Length;

    /// <summary>Whether a tile shows its image as a whole (thumbnail, base view, an image that is not cut): such a tile always stays.</summary>
    public bool IsOverview(int tile) => _isOverview[tile];

    /// <summary>The tiles that always stay.</summary>
    /// <returns>One for each tile.</returns>
    public bool[] Overviews() => [.. _isOverview];

    /// <summary>The image of a tile, from 0 in the order of the prompt.</summary>
    public int ImageOf(int tile) => _imageOf[tile];

    /// <summary>The tiles that a token is made from, the one it shows most of first; for a separator those of its row.</summary>
    public ReadOnlySpan<int> TilesOf(int token) => _tiles.AsSpan(_first[token], _first[token + 1] - _first[token]);

    /// <summary>Whether a token is a separator, which shows nothing.</summary>
    public bool IsSeparator(int token) => _isSeparator[token];

    /// <summary>What the encoded tiles give: tokens all of whose tiles are encoded, and separators of rows that still hold something.</summary>
    /// <param name="encoded">One for each tile.</param>
    public KeepMask TokensOf(ReadOnlySpan<bool> encoded)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(encoded.Length, TileCount);
        var kept = new List<int>(TokenCount);
        for (var token = 0; token < TokenCount; token++)
        {
            if (_isSeparator[token] ? EndsSomething(token, kept) : AllOf(TilesOf(token), encoded))
            {
                kept.Add(token);
            }
        }

        return KeepMask.FromIndices(TokenCount, [.. kept]);
    }

    /// <summary>Whether something is kept of the row that a separator ends. A row may be empty though one of its tiles is encoded: at a border its tokens need another one too.</summary>
    private bool EndsSomething(int separator, List<int> kept)
    {
        for (var i = kept.Count - 1; i >= 0 && !_isSeparator[kept[i]]; i--)
        {
            if (TilesOf(separator).Contains(TilesOf(kept[i])[0]))
            {
                return true;
            }
        }

        return false;
    }

    private static bool AllOf(ReadOnlySpan<int> tiles, ReadOnlySpan<bool> encoded)
    {
        foreach (var tile in tiles)
        {
            if (!encoded[tile])
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The tiles without which some of these tokens could not be made. Separators need none.</summary>
    /// <param name="tokens">Null: all tokens.</param>
    /// <returns>One for each tile.</returns>
    /// <exception cref="GuidanceException">The mask's length is not N_I.</exception>
    public bool[] TilesFor(KeepMask? tokens)
    {
        if (tokens is not null && tokens.Length != TokenCount)
        {
            throw new GuidanceException("mask", $"speaks about {tokens.Length} visual tokens, but the prompt has {TokenCount}");
        }

        var needed = new bool[TileCount];
        for (var token = 0; token < TokenCount; token++)
        {
            if ((tokens is null || tokens[token]) && !_isSeparator[token])
            {
                foreach (var tile in TilesOf(token))
                {
                    needed[tile] = true;
                }
            }
        }

        return needed;
    }

    /// <summary>How many tokens come from these tiles alone, separators of whole rows included.</summary>
    /// <param name="tiles">One for each tile.</param>
    public int CountOf(ReadOnlySpan<bool> tiles)
    {
        var count = 0;
        for (var token = 0; token < TokenCount; token++)
        {
            count += AllOf(TilesOf(token), tiles) ? 1 : 0;
        }

        return count;
    }

    /// <summary>Collects tiles and tokens in the order of the prompt.</summary>
    public sealed class Builder
    {
        private readonly List<bool> _isOverview = [];
        private readonly List<int> _imageOf = [];
        private readonly List<int> _first = [0];
        private readonly List<int> _tiles = [];
        private readonly List<bool> _isSeparator = [];

        /// <summary>Adds a tile.</summary>
        /// <param name="image">Its image, from 0.</param>
        /// <param name="isOverview">See <see cref="TileTokens.IsOverview"/>.</param>
        /// <returns>Its number.</returns>
        public int AddTile(int image, bool isOverview)
        {
            _imageOf.Add(image);
            _isOverview.Add(isOverview);
            return _isOverview.Count - 1;
        }

        /// <summary>Adds the next token.</summary>
        /// <param name="tiles">The tiles it comes from, at least one, the one it shows most of first.</param>
        public void AddToken(params ReadOnlySpan<int> tiles) => Add(tiles, isSeparator: false);

        /// <summary>Adds the next token, which is a separator.</summary>
        /// <param name="tiles">The tiles of its row, at least one.</param>
        public void AddSeparator(params ReadOnlySpan<int> tiles) => Add(tiles, isSeparator: true);

        /// <summary>The whole.</summary>
        public TileTokens Build() => new([.. _isOverview], [.. _imageOf], [.. _first], [.. _tiles], [.. _isSeparator]);

        private void Add(ReadOnlySpan<int> tiles, bool isSeparator)
        {
            ArgumentOutOfRangeException.ThrowIfZero(tiles.Length, nameof(tiles));
            foreach (var tile in tiles)
            {
                ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)tile, (uint)_isOverview.Count, nameof(tiles));
            }

            _tiles.AddRange(tiles);
            _first.Add(_tiles.Count);
            _isSeparator.Add(isSeparator);
        }
    }
}
