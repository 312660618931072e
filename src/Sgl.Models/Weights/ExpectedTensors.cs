namespace Sgl.Models;

/// <summary>The tensors, with shapes, that a model of given configuration and names consists of.</summary>
public static class ExpectedTensors
{
    /// <summary>Decoder, embedding table and head.</summary>
    /// <param name="config">Decoder configuration.</param>
    /// <param name="names">Tensor names.</param>
    public static IEnumerable<ExpectedTensor> Decoder(LanguageModelConfig config, DecoderNames names)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(names);
        return DecoderTensors(config, names);
    }

    /// <summary>Vision tower and projector.</summary>
    /// <param name="config">Model configuration.</param>
    /// <param name="names">Tensor names.</param>
    public static IEnumerable<ExpectedTensor> Vision(VlmConfig config, VisionNames names)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(names);
        return VisionTensors(config, names);
    }

    private static IEnumerable<ExpectedTensor> DecoderTensors(LanguageModelConfig config, DecoderNames names)
    {
        long hidden = config.HiddenSize, inner = config.IntermediateSize;
        long queries = (long)config.Heads * config.HeadDim, keys = (long)config.KvHeads * config.HeadDim;
        yield return Tensor(names.Embedding, config.VocabularySize, hidden);
        foreach (var layer in names.Layers)
        {
            yield return Tensor(layer.AttentionNorm, hidden);
            var qkv = layer.Qkv switch
            {
                QkvNames.Separate s => [.. Linear(s.Query, queries, hidden), .. Linear(s.Key, keys, hidden), .. Linear(s.Value, keys, hidden)],
                QkvNames.Concatenated c => Linear(c.Qkv, queries + (2 * keys), hidden),
                QkvNames.Grouped g => Linear(g.Qkv, queries + (2 * keys), hidden),
                _ => throw new InvalidOperationException($"{layer.Qkv} is not known"),
            };
            var gateUp = layer.GateUp switch
            {
                GateUpNames.Separate s => [.. Linear(s.Gate, inner, hidden), .. Linear(s.Up, inner, hidden)],
                GateUpNames.Concatenated c => Linear(c.GateUp, 2 * inner, hidden),
                _ => throw new InvalidOperationException($"{layer.GateUp} is not known"),
            };
            var headNorms = new[] { layer.QueryNorm, layer.KeyNorm }.OfType<string>().Select(n => Tensor(n, config.HeadDim));
            foreach (var tensor in qkv.Concat(headNorms).Concat(Linear(layer.Output, hidden, queries)))
            {
                yield return tensor;
            }

            yield return Tensor(layer.MlpNorm, hidden);
            foreach (var tensor in gateUp.Concat(Linear(layer.Down, hidden, inner)))
            {
                yield return tensor;
            }
        }

        yield return Tensor(names.FinalNorm, hidden);
        if (names.Head != names.Embedding)
        {
            yield return Matrix(names.Head, config.VocabularySize, hidden);
        }
    }

    private static IEnumerable<ExpectedTensor> VisionTensors(VlmConfig config, VisionNames names)
    {
        var vision = config.Vision;
        long width = vision.HiddenSize, hidden = config.Language.HiddenSize, side = vision.ImageSize / vision.PatchSize;
        if (names.ClassEmbedding is { } classEmbedding)
        {
            yield return Tensor(classEmbedding, 1, 1, width);
        }

        if (names.PositionEmbedding is { } positions)
        {
            var rows = vision.AnyGrid ? (long)vision.PositionSide * vision.PositionSide : side * side;
            yield return names.ClassEmbedding is null ? Tensor(positions, rows, width) : Tensor(positions, 1, rows + 1, width);
        }

        long p = vision.PatchSize;
        yield return vision.AnyGrid
            ? Tensor(names.PatchEmbedding.Weight, width, vision.Channels, vision.TemporalPatchSize, p, p)
            : Tensor(names.PatchEmbedding.Weight, width, vision.Channels, p, p);
        if (names.PatchEmbedding.Bias is { } patchBias)
        {
            yield return Tensor(patchBias, width);
        }

        foreach (var tensor in names.Blocks.SelectMany(b => Block(vision, b)))
        {
            yield return tensor;
        }

        long merged = width * vision.MergeSize * vision.MergeSize;
        if (names.ProjectorNorm is { } norm)
        {
            foreach (var tensor in Norm(norm, vision.AnyGrid ? width : merged))
            {
                yield return tensor;
            }
        }

        // Qwen's merger keeps the merged width inside, the other projectors have the decoder's.
        var inner = vision.AnyGrid ? merged : hidden;
        foreach (var tensor in Linear(names.Projector1, inner, merged).Concat(Linear(names.Projector2, hidden, inner)))
        {
            yield return tensor;
        }

        foreach (var tensor in names.DeepStack.SelectMany(m => Norm(m.Norm, merged).Concat(Linear(m.First, merged, merged)).Concat(Linear(m.Second, hidden, merged))))
        {
            yield return tensor;
        }

        if (names.ImageNewline is { } newline)
        {
            yield return Tensor(newline, hidden);
        }
    }

    private static IEnumerable<ExpectedTensor> Block(VisionConfig config, VisionBlockNames names)
    {
        long width = config.HiddenSize, inner = config.IntermediateSize;
        List<ExpectedTensor> tensors = [.. Norm(names.Norm1, width), .. Norm(names.Norm2, width)];
        tensors.AddRange(names.Qkv switch
        {
            VisionQkvNames.Packed p => Linear(p.Qkv, 3 * width, width),
            VisionQkvNames.Separate s => [.. Linear(s.Query, width, width), .. Linear(s.Key, width, width), .. Linear(s.Value, width, width)],
            _ => throw new InvalidOperationException($"{names.Qkv} is not known"),
        });
        tensors.AddRange([.. Linear(names.Output, width, width), .. Linear(names.Fc1, inner, width), .. Linear(names.Fc2, width, inner)]);
        if (names.Gate is { } gate)
        {
            tensors.AddRange(Linear(gate, inner, width));
        }

        tensors.AddRange(new[] { names.QueryNorm, names.KeyNorm, names.LayerScale1, names.LayerScale2 }.OfType<string>().Select(n => Tensor(n, width)));
        return tensors;
    }

    private static ExpectedTensor[] Linear(LinearNames names, long output, long input) => names.Bias is null
        ? [Matrix(names.Weight, output, input)]
        : [Matrix(names.Weight, output, input), Tensor(names.Bias, output)];

    private static ExpectedTensor[] Norm(NormNames names, long width) => names.Bias is null
        ? [Tensor(names.Weight, width)]
        : [Tensor(names.Weight, width), Tensor(names.Bias, width)];

    private static ExpectedTensor Matrix(string name, long output, long input) => Tensor(name, output, input) with { Linear = true };

    private static ExpectedTensor Tensor(string name, params long[] shape) => new(name, shape);
}
