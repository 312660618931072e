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
    /// Encodes tiles of one prompt, or finds them in the cache. Waits for its turn, unless all of them are known; a cancelled caller stops between runs, and
    /// what was encoded until then stays.
    /// </summary>
    /// <param name="features">Gets their features.</param>
    /// <param name="images">Preprocessed images.</param>
    /// <param name="wanted">Tiles, ascending, as <see cref="PromptFeatures.Tiles"/> counts them.</param>
    /// <param name="scope">Whose cache entries may be found and left behind; null: everybody's, empty: none.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public Task EncodeAsync(PromptFeatures features, IReadOnlyList<VisualInput> images, int[] wanted, string? scope, CancellationToken cancellationToken) =>
        Task.Run(
            async () =>
            {
                features.Allocate(_checkpoint.Config.FeatureWidth);
                var work = ImageTiles.Of(images, wanted);
                if (_cache.IsOn && scope is not "")
                {
                    work.ForEach(w => w.ComputeKeys(scope));
                    work.ForEach(w => TakeKnown(features, w));
                }

                if (work.Exists(w => w.Missing.Count > 0))
                {
                    await InTurnAsync(() => work.ForEach(w => Encode(features, w, lastHidden: null, cancellationToken)), cancellationToken).ConfigureAwait(false);
                }
            },
            cancellationToken);

    /// <summary>Encodes all tiles, without the cache, and returns the tower's own output per run; for verification.</summary>
    public async Task<IReadOnlyList<float[]>> LastHiddenAsync(IReadOnlyList<VisualInput> images, CancellationToken cancellationToken)
    {
        var runs = new List<float[]>();
        var features = new PromptFeatures(PromptTiles.Of(images));
        features.Allocate(_checkpoint.Config.FeatureWidth);
        var work = ImageTiles.Of(images, [.. Enumerable.Range(0, features.Tiles.TileCount)]);
        await InTurnAsync(() => work.ForEach(w => Encode(features, w, runs, cancellationToken)), cancellationToken).ConfigureAwait(false);
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

    private void TakeKnown(PromptFeatures features, ImageTiles work)
    {
        var found = new List<int>();
        foreach (var tile in work.Missing)
        {
            if (work.Key(tile) is { } key && _cache.Find(key) is { } known)
            {
                known.CopyTo(Target(features, work, tile, 1));
                found.Add(tile);
            }
        }

        Finish(features, work, found, cached: true);
    }

    private void Encode(PromptFeatures features, ImageTiles work, IList<float[]>? lastHidden, CancellationToken cancellationToken)
    {
        // Whoever was before in line may have encoded the same tiles.
        TakeKnown(features, work);
        int[] missing = [.. work.Missing];
        foreach (var tiles in missing.Chunk(_batch))
        {
            cancellationToken.ThrowIfCancellationRequested();
            Run(features, work, tiles, lastHidden, cancellationToken);
            foreach (var tile in tiles)
            {
                if (work.Key(tile) is { } key)
                {
                    _cache.Add(key, Target(features, work, tile, 1));
                }
            }

            // Where tokens are mixed from views, all of the image at once: mixing costs as much for one view as for all.
            if (!MixesViews)
            {
                Finish(features, work, tiles, cached: false);
            }
        }

        if (MixesViews)
        {
            Finish(features, work, missing, cached: false);
        }
    }

    /// <summary>Makes the tiles' features part of the prompt's.</summary>
    private void Finish(PromptFeatures features, ImageTiles work, IReadOnlyCollection<int> tiles, bool cached)
    {
        if (tiles.Count == 0)
        {
            return;
        }

        work.Remove(tiles);
        if (_checkpoint.Vision.ImageNewline is { } newline)
        {
            FeaturePacking.Pack(
                Views(features, work), _checkpoint.Config.TokensPerTile, _checkpoint.Config.FeatureWidth, work.Input.Packed, _checkpoint.Weights.ReadFloat32(newline),
                features.Tokens(work.FirstToken, work.Input.Layout.TokenCount));
        }

        features.SetKnown(tiles.Select(tile => work.FirstTile + tile), cached);
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
}
