using Sgl.Vision;

namespace Sgl.Inference;

/// <summary>What a loaded model is, for clients and for deciding whether two models can be paired.</summary>
public sealed record ModelDescription
{
    /// <summary>Folder name of the checkpoint.</summary>
    public required string Name { get; init; }

    /// <summary>Family, e.g. <c>internvl_chat</c>.</summary>
    public required string Family { get; init; }

    /// <summary>L, decoder layers.</summary>
    public required int Layers { get; init; }

    /// <summary>Hidden width of the decoder.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Rows of the embedding table.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Parameters in the tensors that are used.</summary>
    public required long ParameterCount { get; init; }

    /// <summary>Two models with equal keys lay out an image in the same visual tokens, in the same order.</summary>
    public required string VisualLayoutKey { get; init; }

    /// <summary>The image limits of a request that mean something to the family.</summary>
    public ImageLimitKinds KnownImageLimits { get; init; } = ImageLimitKinds.All;

    /// <summary>Digest of the vocabulary; two models with equal digests share token ids. Null without tokenizer files.</summary>
    public string? TokenizerDigest { get; init; }

    /// <summary>Tells the weights from others of the same name and shapes.</summary>
    public required string WeightsDigest { get; init; }

    /// <summary>What linear layers compute with.</summary>
    public required WeightSummary Weights { get; init; }

    /// <summary>Digest of the tokens that are not added ones, and the added ones by id; empty without tokenizer files.</summary>
    public (string OrdinaryDigest, IReadOnlyDictionary<int, string> AddedTokens) Vocabulary { get; init; } = ("", new Dictionary<int, string>());

    /// <summary>Whether images are cut into tiles that are encoded one by one, so that some can be left out.</summary>
    public bool CutsTiles { get; init; }

    /// <summary>Layers in front of which visual tokens may be dropped, ascending.</summary>
    public required IReadOnlyList<int> PruneLayers { get; init; }

    /// <summary>Stages as <c>first-last:device</c>.</summary>
    public required IReadOnlyList<string> Stages { get; init; }

    /// <summary>Why no beginnings of prompts are kept (<see cref="EngineOptions.PrefixCacheMiB"/>); null: they are.</summary>
    public string? PrefixCacheOff { get; init; }

    /// <summary>Longest sequence in tokens.</summary>
    public required int MaxSequenceTokens { get; init; }
}

/// <summary>Progress of loading, 0..1.</summary>
/// <param name="Phase">What is being done, e.g. <c>vision</c>, <c>layers 0-3</c>, <c>warm-up</c>.</param>
/// <param name="Fraction">Share of all work done.</param>
public readonly record struct LoadProgress(string Phase, double Fraction);

/// <summary>A snapshot of an engine's load.</summary>
/// <param name="Running">Sequences in prefill or decode.</param>
/// <param name="Waiting">Requests that wait for admission.</param>
/// <param name="KvBytesUsed">KV memory taken from the budget, bytes; memory without a sequence is kept for the next one.</param>
/// <param name="KvBytesBudget">KV memory allowed, bytes.</param>
public readonly record struct EngineLoad(int Running, int Waiting, long KvBytesUsed, long KvBytesBudget)
{
    /// <summary>KV memory that belongs to running sequences, bytes; 0 when idle.</summary>
    public long KvBytesOccupied { get; init; }

    /// <summary>Rows of prompts of running sequences that have not run yet: what the next prompt may have to wait for.</summary>
    public long PromptRowsWaiting { get; init; }

    /// <summary>Visual features that are kept, bytes.</summary>
    public long VisionCacheBytes { get; init; }

    /// <summary>Pictures that were neither decoded nor resized, since they had been seen lately.</summary>
    public long RecalledPictures { get; init; }

    /// <summary>Beginnings of prompts that are kept.</summary>
    public PrefixCacheLoad PrefixCache { get; init; }

    /// <summary>Each device that layers are on.</summary>
    public IReadOnlyList<DeviceLoad> Devices { get; init; } = [];
}

/// <summary>A snapshot of what a device has to do.</summary>
/// <param name="Device">As in <see cref="EngineOptions.Placement"/>.</param>
/// <param name="Jobs">Chunks of prompts and decode steps that are at the device, the one that runs included. Several devices have one each at least while all are at work.</param>
/// <param name="Busy">How long it was busy with such since the start; for a GPU, how long the processor was busy with asking for them and waiting for them.</param>
public readonly record struct DeviceLoad(string Device, int Jobs, TimeSpan Busy);

/// <summary>A snapshot of what is kept of prompts' beginnings, and of what it was good for since the start.</summary>
/// <param name="Bytes">Memory taken.</param>
/// <param name="BudgetBytes">Memory allowed; 0: off.</param>
public readonly record struct PrefixCacheLoad(long Bytes, long BudgetBytes)
{
    /// <summary>Prompts whose beginning was there.</summary>
    public long Hits { get; init; }

    /// <summary>Prompts of which nothing was there.</summary>
    public long Misses { get; init; }

    /// <summary>Prompt tokens that were not run again.</summary>
    public long SavedTokens { get; init; }

    /// <summary>Prompt tokens that ran only from an earlier prune layer on: another prompt had been pruned there.</summary>
    public long ContinuedTokens { get; init; }

    /// <summary>Pieces (a system text, a picture, a question with its answer) that went to make room.</summary>
    public long Evictions { get; init; }
}
