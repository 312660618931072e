using System.Collections.Concurrent;
using Sgl.Inference.Internal.Decoding;
using Sgl.Inference.Internal.Kv;
using Sgl.Inference.Internal.Runtime;

namespace Sgl.Inference.Internal.Prefixes;

/// <summary>
/// Beginnings of prompts run lately, as a tree: system text, pictures, questions and answers, each behind what stood in front of it. What was not used for longest goes
/// first when the budget is full; what others hang on stays. It lends nothing: rows are copied out and in, so nothing in use can be evicted. Used by the engine thread only;
/// the counts can be read from anywhere.
/// </summary>
/// <param name="budget">Bytes that it may take.</param>
/// <param name="stages">Stages of the decoder.</param>
/// <param name="width">Hidden width.</param>
/// <param name="rotatesAlike">Whether passes with these largest positions rotate their keys alike.</param>
internal sealed class PrefixStore(long budget, int stages, int width, Func<int, int, bool> rotatesAlike) : IDisposable
{
    private readonly Dictionary<Scope, List<PrefixNode>> _roots = [];
    private readonly LinkedList<PrefixNode> _byUse = [];
    private readonly ConcurrentDictionary<VisionKey, int> _images = [];
    private long _bytes;
    private long _evicted;

    /// <summary>Bytes taken.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Bytes that it may take.</summary>
    public long Budget => budget;

    /// <summary>Nodes that went to make room.</summary>
    public long Evicted => Volatile.Read(ref _evicted);

    /// <summary>Whether rows of an image are kept behind some beginning or other. Can be asked from anywhere.</summary>
    public bool Holds(VisionKey image) => _images.ContainsKey(image);

    /// <summary>The longest beginning of a prompt that is kept.</summary>
    /// <param name="scope">Whose; null: everybody's.</param>
    /// <param name="content">The prompt.</param>
    /// <param name="most">Rows at most.</param>
    public PrefixMatch Find(string? scope, PromptContent content, int most)
    {
        var best = new PrefixMatch([], 0);
        if (_roots.TryGetValue(new Scope(scope), out var roots))
        {
            Search(roots, content, most, 0, [], ref best);
        }

        // Parents behind their children, so that they are the younger ones.
        foreach (var node in best.Path.Reverse())
        {
            _byUse.Remove(node.Use!);
            _byUse.AddFirst(node.Use!);
        }

        return best;
    }

    /// <summary>Whether so much would be kept at all.</summary>
    public bool CanHold(long bytes) => bytes <= budget;

    /// <summary>Keeps the first rows of a prompt, as far as the budget has room.</summary>
    /// <param name="scope">Whose; null: everybody's.</param>
    /// <param name="content">The prompt.</param>
    /// <param name="rows">How many rows.</param>
    /// <param name="left">Where they are.</param>
    public void Keep(string? scope, PromptContent content, int rows, PrefixRows left)
    {
        var found = Find(scope, content, rows);
        foreach (var node in found.Path)
        {
            node.Busy = true;
        }

        var created = new List<PrefixNode>();
        try
        {
            Complete(found, content, rows, left);
            var (parent, at) = Attach(found);
            while (at < rows)
            {
                var node = new PrefixNode(parent, content, at, Math.Min(rows, content.NextCut(at)), stages) { Busy = true };
                if (!MakeRoom(node.Bytes + Missing(node, content, rows, left)))
                {
                    return;
                }

                Insert(scope, node);
                created.Add(node);
                Fill(node, content, rows, left);
                (parent, at) = (node, node.End);
            }
        }
        finally
        {
            foreach (var node in found.Path.Concat(created))
            {
                node.Busy = false;
            }
        }
    }

    public void Dispose()
    {
        foreach (var node in _byUse)
        {
            node.Dispose();
        }

        _byUse.Clear();
        _roots.Clear();
    }

    /// <summary>What keeps tenants apart; a null key is no key.</summary>
    private readonly record struct Scope(string? Name);

    private void Search(List<PrefixNode> candidates, PromptContent content, int most, int matched, List<PrefixNode> path, ref PrefixMatch best)
    {
        foreach (var node in candidates)
        {
            if (node.Start > matched || !rotatesAlike(node.Content.LargestPosition, content.LargestPosition))
            {
                continue;
            }

            var end = node.Start + content.Common(node.Content, node.Start, Math.Min(most, node.End));
            if (end == node.Start)
            {
                continue;
            }

            path.Add(node);
            if (end > best.Rows)
            {
                best = new PrefixMatch([.. path], end);
            }

            Search(node.Children, content, most, end, path, ref best);
            path.RemoveAt(path.Count - 1);
        }
    }

    /// <summary>
    /// Where what comes behind a match hangs. A node that is used in part stays as long as its child, so one that is used for less than half is left alone: the rows that both
    /// share are then kept twice.
    /// </summary>
    private static (PrefixNode? Parent, int At) Attach(PrefixMatch found)
    {
        if (found.Path.Count == 0)
        {
            return (null, 0);
        }

        var last = found.Path[^1];
        return found.Rows == last.End || 2 * (found.Rows - last.Start) >= last.End - last.Start ? (last, found.Rows) : (last.Parent, last.Start);
    }

    /// <summary>Adds to the nodes of a match what earlier prompts did not have, e.g. because they pruned at other layers.</summary>
    private void Complete(PrefixMatch found, PromptContent content, int rows, PrefixRows left)
    {
        for (var i = 0; i < found.Path.Count; i++)
        {
            var node = found.Path[i];
            if (node.End <= found.EndOf(i) && MakeRoom(Missing(node, content, rows, left)))
            {
                Fill(node, content, rows, left);
            }
        }
    }

    /// <summary>Bytes that <see cref="Fill"/> adds to a node.</summary>
    private static long Missing(PrefixNode node, PromptContent content, int rows, PrefixRows left)
    {
        long bytes = 0;
        for (var s = 0; s < Known(node, content, left); s++)
        {
            bytes += node.Kv(s) is null ? left.Slots[s].Slab.Shape.BytesPerToken * (node.End - node.Start) : 0;
        }

        bytes += WantsInputs(node, content, left) ? left.Inputs!.ByteLength / (content.Count - left.InputsFrom) * (node.End - node.Start) : 0;
        bytes += WantsFeatures(node, content, left) ? (long)left.Features!(node.Start, node.End).Length * sizeof(float) : 0;
        return bytes + (WantsSums(node, content, rows, left) ? left.Sums!.Bytes : 0);
    }

    private void Fill(PrefixNode node, PromptContent content, int rows, PrefixRows left)
    {
        var before = node.Bytes;
        try
        {
            AddMissing(node, content, rows, left);
        }
        finally
        {
            Volatile.Write(ref _bytes, _bytes + node.Bytes - before);
        }
    }

    private void AddMissing(PrefixNode node, PromptContent content, int rows, PrefixRows left)
    {
        var count = node.End - node.Start;
        for (var s = 0; s < Known(node, content, left); s++)
        {
            if (node.Kv(s) is null)
            {
                node.Add(s, KvRows.CopyOf(left.Slots[s], node.Start, count));
            }
        }

        if (WantsInputs(node, content, left))
        {
            var row = width * sizeof(float);
            var inputs = new NativeBuffer((long)row * count);
            for (var i = 0; i < count; i++)
            {
                left.Inputs!.Span<byte>((long)row * (node.Start + i - left.InputsFrom), row).CopyTo(inputs.Span<byte>((long)row * i, row));
            }

            node.Add(left.Stages, inputs);
        }

        if (WantsFeatures(node, content, left))
        {
            node.Add(left.Features!(node.Start, node.End).ToArray());
        }

        if (WantsSums(node, content, rows, left))
        {
            node.Add(left.Sums!.Copy());
        }
    }

    private static int Known(PrefixNode node, PromptContent content, PrefixRows left) => node.End <= content.RowsBeforeImages ? left.Slots.Count : left.Stages;

    private static bool WantsInputs(PrefixNode node, PromptContent content, PrefixRows left) =>
        left.Inputs is not null && node.End > content.RowsBeforeImages && node.Inputs(left.Stages) is null;

    private static bool WantsFeatures(PrefixNode node, PromptContent content, PrefixRows left) =>
        left.Features is not null && node.Features is null && content.ImageAt(node.Start) is { } image && node.End == image.Start + image.Count;

    private static bool WantsSums(PrefixNode node, PromptContent content, int rows, PrefixRows left) =>
        left.Sums is not null && node.Sums is null && node.End == rows && node.End > content.LastVisual;

    private void Insert(string? scope, PrefixNode node)
    {
        if (node.Parent is { } parent)
        {
            node.Siblings = parent.Children;
        }
        else if (_roots.TryGetValue(new Scope(scope), out var roots))
        {
            node.Siblings = roots;
        }
        else
        {
            _roots.Add(new Scope(scope), node.Siblings);
        }

        node.Siblings.Add(node);
        // Behind those in front of it, which are in use with it.
        node.Use = node.Parent?.Use is { } before ? _byUse.AddAfter(before, node) : _byUse.AddFirst(node);
        Volatile.Write(ref _bytes, _bytes + node.Bytes);
        if (node.Content.ImageAt(node.Start) is { } image)
        {
            _images.AddOrUpdate(image.Key, 1, static (_, count) => count + 1);
        }
    }

    /// <summary>Evicts until there is room for so many bytes more; false where there is none.</summary>
    private bool MakeRoom(long bytes)
    {
        if (bytes > budget)
        {
            return false;
        }

        while (_bytes + bytes > budget)
        {
            var node = _byUse.Last;
            while (node is not null && (node.Value.Busy || node.Value.Children.Count > 0))
            {
                node = node.Previous;
            }

            if (node is null)
            {
                return false;
            }

            Evict(node.Value);
        }

        return true;
    }

    private void Evict(PrefixNode node)
    {
        _byUse.Remove(node.Use!);
        node.Siblings.Remove(node);
        if (node.Parent is null && node.Siblings.Count == 0)
        {
            // Or names of tenants would be kept for ever.
            _roots.Remove(_roots.First(r => r.Value == node.Siblings).Key);
        }

        Volatile.Write(ref _bytes, _bytes - node.Bytes);
        Volatile.Write(ref _evicted, _evicted + 1);
        if (node.Content.ImageAt(node.Start) is { } image && _images.AddOrUpdate(image.Key, 0, static (_, count) => count - 1) <= 0)
        {
            _images.TryRemove(image.Key, out _);
        }

        node.Dispose();
    }
}
