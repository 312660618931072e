using Microsoft.ML.OnnxRuntime;
using Sgl.Inference.Internal.Runtime;
using Sgl.Models;
using Sgl.Vision;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>
/// Vision tower and projector: tiles of preprocessed images to visual features [N_I, <see cref="VlmConfig.FeatureWidth"/>] in token order. One prompt at a
/// time.
/// </summary>
internal sealed class VisionEncoder : IDisposable
{
    private static readonly string[] PixelInputs = ["pixel_values"];
    private static readonly string[] Outputs = ["features"];
    private static readonly string[] TracedOutputs = ["features", "last_hidden"];

    private readonly Checkpoint _checkpoint;
    private readonly InferenceSession _session;
    private readonly int _batch;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly VisionCache _cache;
    private bool _disposed;

    /// <summary>Whether visual tokens are made from the features of several views (LLaVA-OneVision).</summary>
    private bool MixesViews => _checkpoint.Vision.ImageNewline is not null;

    /// <summary>Bytes of features that are kept.</summary>
    public long CacheBytes => _cache.Bytes;

    public VisionEncoder(Checkpoint checkpoint, DeviceId device, SessionFactory sessions, ComputeType computeType, int batch, VisionCache cache)
    {
        _cache = cache;
        _checkpoint = checkpoint;
        _batch = batch;
        _session = sessions.Create(VisionGraph.Build(checkpoint.Config, checkpoint.Vision, sessions.Arithmetic(device, computeType)), device);
    }

    /// <summary>
    /// Encodes tiles of one prompt, or finds them in the cache; of equal tiles only one. Waits for its turn, unless all of them are known; a cancelled caller stops
    /// between runs, and what was encoded until then stays.
    /// </summary>
    /// <param name="features">Gets their features.</param>
    /// <param name="images">Preprocessed images.</param>
    /// <param name="wanted">Tiles, ascending, as <see cref="PromptFeatures.Tiles"/> counts them.</param>
    /// <param name="keys">What all tiles of the prompt are.</param>
    /// <param name="cached">Whether the cache may be used.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public Task EncodeAsync(
        PromptFeatures features, IReadOnlyList<VisualInput> images, int[] wanted, VisionKey[]? keys, bool cached, CancellationToken cancellationToken) =>
        Task.Run(
            async () =>
            {
                features.Allocate(_checkpoint.Config.FeatureWidth);
                var work = ImageTiles.Of(images, wanted, keys);
                var encoding = new Encoding(features, cached ? _cache : null);
                work.ForEach(w => TakeKnown(encoding, w));
                if (work.Exists(w => w.Missing.Count > 0))
                {
                    await InTurnAsync(() => work.ForEach(w => Encode(encoding, w, lastHidden: null, cancellationToken)), cancellationToken).ConfigureAwait(false);
                }
            },
            cancellationToken);

    /// <summary>Whether the features of all these tiles are kept now.</summary>
    public bool Knows(IEnumerable<VisionKey> tiles) => tiles.All(key => _cache.Find(key) is not null);

    /// <summary>Takes the features of all tiles of a prompt from the cache, without their pixels.</summary>
    /// <param name="features">Gets them.</param>
    /// <param name="images">What the images became.</param>
    /// <param name="keys">What their tiles are.</param>
    /// <returns>Whether all of them are there.</returns>
    public bool TryRecall(PromptFeatures features, IReadOnlyList<VisualInput> images, VisionKey[] keys)
    {
        features.Allocate(_checkpoint.Config.FeatureWidth);
        var encoding = new Encoding(features, _cache);
        ImageTiles.Of(images, [.. Enumerable.Range(0, keys.Length)], keys).ForEach(work => TakeKnown(encoding, work));
        return features.IsComplete;
    }

    /// <summary>Encodes all tiles, without the cache, and returns the tower's own output per run; for verification.</summary>
    public async Task<IReadOnlyList<float[]>> LastHiddenAsync(IReadOnlyList<VisualInput> images, CancellationToken cancellationToken)
    {
        var runs = new List<float[]>();
        var features = new PromptFeatures(PromptTiles.Of(images));
        features.Allocate(_checkpoint.Config.FeatureWidth);
        var work = ImageTiles.Of(images, [.. Enumerable.Range(0, features.Tiles.TileCount)], keys: null);
        await InTurnAsync(() => work.ForEach(w => Encode(new Encoding(features, null), w, runs, cancellationToken)), cancellationToken).ConfigureAwait(false);
        return runs;
    }

    /// <summary>Waits for a run that is under way; callers behind it get an error.</summary>
    public void Dispose()
    {
        _gate.Wait();
        _disposed = true;
        _session.Dispose();
        _gate.Release();
    }

    private async Task InTurnAsync(Action encode, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, typeof(VlmEngine));
            await Task.Run(encode, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _gate.Release();
        }
    }

    private void TakeKnown(Encoding encoding, ImageTiles work) => Finish(encoding.Features, work, [.. work.Missing.Where(tile => TryCopy(encoding, work, tile))], cached: true);

    /// <summary>Copies the features of a tile that is known from the cache, or equal to one that was encoded before it.</summary>
    private bool TryCopy(Encoding encoding, ImageTiles work, int tile)
    {
        if (work.Key(tile) is not { } key)
        {
            return false;
        }

        var target = Target(encoding.Features, work, tile, 1);
        if (encoding.Made.TryGetValue(key, out var twin))
        {
            Target(encoding.Features, twin.Image, twin.Tile, 1).CopyTo(target);
            return true;
        }

        if (encoding.Cache?.Find(key) is not { } known)
        {
            return false;
        }

        known.CopyTo(target);
        return true;
    }

    private void Encode(Encoding encoding, ImageTiles work, IList<float[]>? lastHidden, CancellationToken cancellationToken)
    {
        // Whoever was before in line may have encoded the same tiles.
        TakeKnown(encoding, work);
        var missing = work.DistinctMissing();
        foreach (var tiles in missing.Chunk(_batch))
        {
            cancellationToken.ThrowIfCancellationRequested();
            Run(encoding.Features, work, tiles, lastHidden, cancellationToken);
            foreach (var tile in tiles)
            {
                if (work.Key(tile) is { } key)
                {
                    encoding.Made[key] = (work, tile);
                    encoding.Cache?.Add(key, Target(encoding.Features, work, tile, 1));
                }
            }

            // Where tokens are mixed from views, all of the image at once: mixing costs as much for one view as for all.
            if (!MixesViews)
            {
                Finish(encoding.Features, work, tiles, cached: false);
            }
        }

        int[] equal = [.. work.Missing.Except(missing).Where(tile => TryCopy(encoding, work, tile))];
        Finish(encoding.Features, work, MixesViews ? missing : [], cached: false, equal);
    }

    /// <summary>Makes the tiles' features part of the prompt's.</summary>
    private void Finish(PromptFeatures features, ImageTiles work, int[] tiles, bool cached, params int[] equal)
    {
        if (tiles.Length + equal.Length == 0)
        {
            return;
        }

        work.Remove([.. tiles, .. equal]);
        if (_checkpoint.Vision.ImageNewline is { } newline)
        {
            FeaturePacking.Pack(
                Views(features, work), _checkpoint.Config.TokensPerTile, _checkpoint.Config.FeatureWidth, work.Input.Packed, _checkpoint.Weights.ReadFloat32(newline),
                features.Tokens(work.FirstToken, work.Input.Layout.TokenCount));
        }

        features.SetKnown(tiles.Select(tile => work.FirstTile + tile), cached);
        features.SetKnown(equal.Select(tile => work.FirstTile + tile), cached: true);
        if (features.IsComplete)
        {
            features.ForgetViews();
        }
    }

    private float[] Views(PromptFeatures features, ImageTiles work) => features.Views(work.Image, work.Count * _checkpoint.Config.TokensPerTile * _checkpoint.Config.FeatureWidth);

    /// <summary>Where the tower's output for consecutive tiles of an image belongs.</summary>
    private Span<float> Target(PromptFeatures features, ImageTiles work, int tile, int count)
    {
        if (MixesViews)
        {
            var values = _checkpoint.Config.TokensPerTile * _checkpoint.Config.FeatureWidth;
            return Views(features, work).AsSpan(tile * values, count * values);
        }

        var tokens = work.Input.Layout.TokenCount / work.Count;
        return features.Tokens(work.FirstToken + (tile * tokens), count * tokens);
    }

    private void Run(PromptFeatures features, ImageTiles work, int[] tiles, IList<float[]>? lastHidden, CancellationToken cancellationToken)
    {
        if (work.Input.Grid is { } grid)
        {
            EncodePatches(work.Input, grid, Target(features, work, 0, 1), lastHidden, cancellationToken);
            return;
        }

        using var pixels = OrtValue.CreateTensorValueFromMemory(
            OrtMemoryInfo.DefaultInstance, work.Pixels(tiles), [tiles.Length, .. work.Input.Shape.Skip(1).Select(d => (long)d)]);
        if (ImageTiles.AreConsecutive(tiles))
        {
            Run(PixelInputs, [pixels], Target(features, work, tiles[0], tiles.Length), lastHidden, cancellationToken);
            return;
        }

        var width = Target(features, work, tiles[0], 1).Length;
        var output = new float[tiles.Length * width];
        Run(PixelInputs, [pixels], output, lastHidden, cancellationToken);
        for (var i = 0; i < tiles.Length; i++)
        {
            output.AsSpan(i * width, width).CopyTo(Target(features, work, tiles[i], 1));
        }
    }

    private void EncodePatches(VisualInput image, (int T, int H, int W) grid, Span<float> target, IList<float[]>? lastHidden, CancellationToken cancellationToken)
    {
        var inputs = VisionGraph.Inputs(_checkpoint.Config.Vision, grid);
        var values = new List<OrtValue>(1 + inputs.Count) { OrtValue.CreateTensorValueFromMemory(image.PixelValues, [image.Shape[0], image.Shape[1]]) };
        try
        {
            values.AddRange(inputs.Select(TensorOf));
            Run([.. PixelInputs, .. inputs.Select(i => i.Name)], [.. values], target, lastHidden, cancellationToken);
        }
        finally
        {
            values.ForEach(v => v.Dispose());
        }
    }

    private static OrtValue TensorOf(TowerInput input) => input switch
    {
        TowerInput.Floats f => OrtValue.CreateTensorValueFromMemory(f.Values, [.. f.Shape]),
        TowerInput.Rows r => OrtValue.CreateTensorValueFromMemory(r.Values, [.. r.Shape]),
        TowerInput.Lengths l => OrtValue.CreateTensorValueFromMemory(l.Values, [.. l.Shape]),
        _ => throw new InvalidOperationException($"{input.Name} is of an unknown kind"),
    };

    private void Run(string[] names, OrtValue[] inputs, Span<float> target, IList<float[]>? lastHidden, CancellationToken cancellationToken)
    {
        using var options = new RunOptions();
        // A large image takes minutes on a CPU: a caller that went away must not keep the tower from the others.
        using var stop = cancellationToken.Register(() => options.Terminate = true);
        try
        {
            using var results = _session.Run(options, names, inputs, lastHidden is null ? Outputs : TracedOutputs);
            results[0].GetTensorDataAsSpan<float>().CopyTo(target);
            lastHidden?.Add(results[1].GetTensorDataAsSpan<float>().ToArray());
        }
        catch (OnnxRuntimeException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
    }

    /// <summary>One prompt's tiles on their way: what is known from before, and what was made until now.</summary>
    private sealed record Encoding(PromptFeatures Features, VisionCache? Cache)
    {
        public Dictionary<VisionKey, (ImageTiles Image, int Tile)> Made { get; } = [];
    }
}
