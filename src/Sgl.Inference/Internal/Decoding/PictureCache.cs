using Sgl.Vision;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>All that decides about what the tower is fed for a picture, and who may know.</summary>
/// <param name="Scope">Whose; null: everybody's.</param>
/// <param name="Digest">Its bytes.</param>
/// <param name="Limits">The request's limits.</param>
/// <param name="Alone">Whether it is the only one of its prompt: some families then cut it otherwise.</param>
internal readonly record struct PictureKey(string? Scope, PictureDigest Digest, ImageLimits? Limits, bool Alone);

/// <summary>What became of a picture.</summary>
/// <param name="Input">Its layout, without pixels.</param>
/// <param name="Tiles">What its tiles are.</param>
internal sealed record KnownPicture(VisualInput Input, VisionKey[] Tiles);

/// <summary>
/// What became of pictures seen lately, so that the next question about one neither decodes nor resizes it. Features are kept elsewhere, pixels nowhere. Safe for
/// concurrent use.
/// </summary>
/// <param name="budget">Bytes, roughly; what was not used for longest goes first.</param>
internal sealed class PictureCache(long budget)
{
    // The objects of a picture and of a tile, roughly.
    private const int PictureBytes = 768, TileBytes = 128;

    private readonly RecentlyUsed<PictureKey, KnownPicture> _pictures =
        new(budget, static (key, picture) => PictureBytes + (sizeof(char) * (key.Scope?.Length ?? 0)) + ((long)TileBytes * picture.Tiles.Length));

    /// <summary>What is known of a picture; null: nothing.</summary>
    public KnownPicture? Find(PictureKey key) => _pictures.TryFind(key, out var picture) ? picture : null;

    /// <summary>Keeps what became of a picture.</summary>
    public void Add(PictureKey key, VisualInput input, VisionKey[] tiles) => _pictures.Add(key, new KnownPicture(input with { PixelValues = [] }, tiles));
}
