using Sgl.Inference.Internal.Kv;
using Sgl.Inference.Internal.Runtime;

namespace Sgl.Inference.Internal.Prefixes;

/// <summary>
/// What is kept of consecutive rows of a prompt, behind the rows of its parents: keys and values of the stages that saw all of them, and what goes into stages in
/// front of which prompts were pruned. A child begins anywhere in its parent or at its end.
/// </summary>
/// <param name="parent">Whose rows, those in front of <paramref name="start"/>, come before; null for a root.</param>
/// <param name="content">A prompt with these rows.</param>
/// <param name="start">First row.</param>
/// <param name="end">Behind the last row.</param>
/// <param name="stages">Stages of the decoder.</param>
internal sealed class PrefixNode(PrefixNode? parent, PromptContent content, int start, int end, int stages) : IDisposable
{
    // The objects themselves, roughly.
    private const int Overhead = 1024;

    private readonly KvRows?[] _kv = new KvRows?[stages];
    private readonly Dictionary<int, NativeBuffer> _inputs = [];

    public PrefixNode? Parent => parent;

    public PromptContent Content => content;

    public int Start => start;

    public int End => end;

    public List<PrefixNode> Children { get; } = [];

    /// <summary>The list that it stands in: its parent's children, or a scope's roots.</summary>
    public List<PrefixNode> Siblings { get; set; } = [];

    /// <summary>Its place among all nodes, by use.</summary>
    public LinkedListNode<PrefixNode>? Use { get; set; }

    /// <summary>Whether it must stay for now.</summary>
    public bool Busy { get; set; }

    /// <summary>Attention of the prompt's rows in front of <see cref="End"/> to the visual tokens; null where nobody asked, or an image comes later.</summary>
    public AttentionSums? Sums { get; private set; }

    /// <summary>Visual features of an image that are all its rows, [rows, feature width]; null where nobody needs them behind a known image, or these rows are no image.</summary>
    public float[]? Features { get; private set; }

    /// <summary>Memory taken.</summary>
    public long Bytes { get; private set; } = Overhead + content.Bytes;

    /// <summary>Whether a prompt can go on behind these rows that prunes in front of a stage.</summary>
    /// <param name="stage">The first stage that prunes; the number of stages: none does.</param>
    /// <param name="beforeImages">Whether the rows stand in front of the prompt's first image, so that no pruning changes them.</param>
    public bool Serves(int stage, bool beforeImages) => beforeImages || stage == stages
        ? !_kv.Contains(null)
        : !_kv.AsSpan(0, stage).Contains(null) && _inputs.ContainsKey(stage);

    /// <summary>Keys and values in a stage.</summary>
    public KvRows? Kv(int stage) => _kv[stage];

    /// <summary>What goes into a stage, [rows, hidden].</summary>
    public NativeBuffer? Inputs(int stage) => _inputs.GetValueOrDefault(stage);

    public void Add(int stage, KvRows rows)
    {
        _kv[stage] = rows;
        Bytes += rows.Bytes;
    }

    public void Add(int stage, NativeBuffer inputs)
    {
        _inputs.Add(stage, inputs);
        Bytes += inputs.ByteLength;
    }

    public void Add(float[] features)
    {
        Features = features;
        Bytes += (long)features.Length * sizeof(float);
    }

    public void Add(AttentionSums sums)
    {
        Sums = sums;
        Bytes += sums.Bytes;
    }

    public void Dispose()
    {
        foreach (var rows in _kv)
        {
            rows?.Dispose();
        }

        foreach (var inputs in _inputs.Values)
        {
            inputs.Dispose();
        }
    }
}
