using Microsoft.ML.OnnxRuntime;
using Sgl.Inference.Internal.Runtime;
using Sgl.Models;
using Sgl.Vision;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>Visual features of a prompt's images.</summary>
/// <param name="Features">[N_I, <see cref="VlmConfig.FeatureWidth"/>], in token order.</param>
/// <param name="CachedTokens">How many of the N_I were known from earlier.</param>
internal sealed record EncodedImages(float[] Features, int CachedTokens);

/// <summary>Vision tower and projector: preprocessed images to visual features [N_I, <see cref="VlmConfig.FeatureWidth"/>] in token order. One image at a time.</summary>
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

    public VisionEncoder(Checkpoint checkpoint, DeviceId device, SessionFactory sessions, ComputeType computeType, int batch, VisionCache cache)
    {
        _cache = cache;
        _checkpoint = checkpoint;
        _batch = batch;
        _session = sessions.Create(VisionGraph.Build(checkpoint.Config, checkpoint.Vision, sessions.Arithmetic(device, computeType)), device);
    }

    /// <summary>Encodes the images of one prompt. Waits for its turn, unless all of them are known; a cancelled caller stops between runs.</summary>
    /// <param name="images">Preprocessed images.</param>
    /// <param name="scope">Whose cache entries may be found and left behind; null: everybody's, empty: none.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public Task<EncodedImages> EncodeAsync(IReadOnlyList<VisualInput> images, string? scope, CancellationToken cancellationToken) =>
        Task.Run(
            async () =>
            {
                VisionKey[] keys = _cache.IsOn && scope is not "" ? [.. images.Select(i => VisionKey.Of(i, scope))] : [];
                return FromCache(images, keys) ?? await InTurnAsync(() => Encode(images, keys, lastHidden: null, cancellationToken), cancellationToken).ConfigureAwait(false);
            },
            cancellationToken);

    /// <summary>Encodes as <see cref="EncodeAsync"/> does, without the cache, and returns the tower's own output per run; for verification.</summary>
    public async Task<IReadOnlyList<float[]>> LastHiddenAsync(IReadOnlyList<VisualInput> images, CancellationToken cancellationToken)
    {
        var runs = new List<float[]>();
        await InTurnAsync(() => Encode(images, [], runs, cancellationToken), cancellationToken).ConfigureAwait(false);
        return runs;
    }

    private async Task<EncodedImages> InTurnAsync(Func<EncodedImages> encode, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, typeof(VlmEngine));
            return await Task.Run(encode, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Waits for a run that is under way; callers behind it get an error.</summary>
    public void Dispose()
    {
        _gate.Wait();
        _disposed = true;
        _session.Dispose();
        _gate.Release();
    }

    /// <summary>All images' features where all are known, else null.</summary>
    private EncodedImages? FromCache(IReadOnlyList<VisualInput> images, VisionKey[] keys)
    {
        if (keys.Length == 0)
        {
            return null;
        }

        var known = Array.ConvertAll(keys, _cache.Find);
        if (known.Contains(null))
        {
            return null;
        }

        var features = new float[known.Sum(f => f!.Length)];
        var offset = 0;
        foreach (var image in known)
        {
            image!.CopyTo(features, offset);
            offset += image.Length;
        }

        return new EncodedImages(features, images.Sum(i => i.Layout.TokenCount));
    }

    /// <param name="images">Preprocessed images.</param>
    /// <param name="keys">Their keys; none: the cache is neither asked nor filled.</param>
    /// <param name="lastHidden">Receives the tower's own output per run when not null.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    private EncodedImages Encode(IReadOnlyList<VisualInput> images, VisionKey[] keys, IList<float[]>? lastHidden, CancellationToken cancellationToken)
    {
        var width = _checkpoint.Config.FeatureWidth;
        var features = new float[images.Sum(i => (long)i.Layout.TokenCount) * width];
        int offset = 0, cached = 0;
        for (var i = 0; i < images.Count; i++)
        {
            var image = images[i];
            var target = features.AsSpan(offset, image.Layout.TokenCount * width);
            offset += target.Length;
            // Whoever was before in line may have encoded the same image.
            if (keys.Length > 0 && _cache.Find(keys[i]) is { } known)
            {
                known.CopyTo(target);
                cached += image.Layout.TokenCount;
                continue;
            }

            if (image.Grid is { } grid)
            {
                EncodePatches(image, grid, target, lastHidden, cancellationToken);
            }
            else if (_checkpoint.Vision.ImageNewline is { } newline)
            {
                var perView = _checkpoint.Config.TokensPerTile;
                var views = new float[image.Shape[0] * perView * width];
                EncodeTiles(image, views, lastHidden, cancellationToken);
                FeaturePacking.Pack(views, perView, width, image.Packed, _checkpoint.Weights.ReadFloat32(newline), target);
            }
            else
            {
                EncodeTiles(image, target, lastHidden, cancellationToken);
            }

            if (keys.Length > 0)
            {
                _cache.Add(keys[i], target);
            }
        }

        return new EncodedImages(features, cached);
    }

    private void EncodeTiles(VisualInput image, Span<float> target, IList<float[]>? lastHidden, CancellationToken cancellationToken)
    {
        var tiles = image.Shape[0];
        var tileValues = image.PixelValues.Length / tiles;
        var tileFeatures = target.Length / tiles;
        for (var first = 0; first < tiles; first += _batch)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var count = Math.Min(_batch, tiles - first);
            long[] shape = [count, .. image.Shape.Skip(1).Select(d => (long)d)];
            using var pixels = OrtValue.CreateTensorValueFromMemory(
                OrtMemoryInfo.DefaultInstance, image.PixelValues.AsMemory(first * tileValues, count * tileValues), shape);
            Run(PixelInputs, [pixels], target.Slice(first * tileFeatures, count * tileFeatures), lastHidden, cancellationToken);
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
