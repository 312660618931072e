namespace Sgl.Guidance;

/// <summary>
/// Adds attention sums into A = A^P + A^D (eq. 4 and 5). What comes in is already summed over heads and rows, after a
/// float32 softmax: one number per visual token.
/// </summary>
/// <remarks>
/// Sums, never means. All additions are float32, in the order of the calls: layer by layer within a forward pass, then
/// forward by forward; A^P and A^D are added last. An engine that reduces over the layers in its graph hands over one
/// vector per forward; one that does not hands over one per layer. Not safe for concurrent calls.
/// </remarks>
public sealed class ImportanceAccumulator
{
    private readonly float[] _prefill;
    private readonly float[] _decode;
    private readonly ImportanceRows _rows;
    private readonly LayerRange _layers;

    /// <summary>Starts at zero.</summary>
    /// <param name="visualTokens">N_I.</param>
    /// <param name="layers">L of the model whose attention is read.</param>
    /// <param name="options">Rows and layers that count.</param>
    public ImportanceAccumulator(int visualTokens, int layers, ImportanceOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(visualTokens);
        ArgumentNullException.ThrowIfNull(options);
        _prefill = new float[visualTokens];
        _decode = new float[visualTokens];
        _rows = options.Rows;
        _layers = options.Layers(layers);
    }

    /// <summary>A^P so far, length N_I.</summary>
    public ReadOnlySpan<float> Prefill => _prefill;

    /// <summary>A^D so far, length N_I.</summary>
    public ReadOnlySpan<float> Decode => _decode;

    /// <summary>A = A^P + A^D, a new array of length N_I.</summary>
    public float[] Total()
    {
        var total = (float[])_prefill.Clone();
        Add(total, _decode);
        return total;
    }

    /// <summary>Adds one layer's share of the prefill. Layers and rows that the options leave out are passed over.</summary>
    /// <param name="layer">0-based.</param>
    /// <param name="rows">Which rows were summed; counts only where the options want all of them.</param>
    /// <param name="sum">Sum over heads and rows, length N_I.</param>
    public void AddPrefillLayer(int layer, ImportanceRows rows, ReadOnlySpan<float> sum)
    {
        if (_layers.Contains(layer) && rows != ImportanceRows.None && (_rows & rows) == rows)
        {
            Add(_prefill, sum);
        }
    }

    /// <summary>Adds one layer's row of one decode step.</summary>
    /// <param name="layer">0-based.</param>
    /// <param name="sum">Sum over heads, length N_I.</param>
    public void AddDecodeLayer(int layer, ReadOnlySpan<float> sum)
    {
        if (_layers.Contains(layer))
        {
            AddDecode(sum);
        }
    }

    /// <summary>Adds a whole prefill whose rows and layers were already chosen by the options.</summary>
    /// <param name="sum">Sum over layers, heads and rows, length N_I.</param>
    public void AddPrefill(ReadOnlySpan<float> sum)
    {
        if ((_rows & ~ImportanceRows.Generated) != ImportanceRows.None)
        {
            Add(_prefill, sum);
        }
    }

    /// <summary>Adds a whole decode step whose layers were already chosen by the options.</summary>
    /// <param name="sum">Sum over layers and heads, length N_I.</param>
    public void AddDecode(ReadOnlySpan<float> sum)
    {
        if (_rows.HasFlag(ImportanceRows.Generated))
        {
            Add(_decode, sum);
        }
    }

    private static void Add(float[] into, ReadOnlySpan<float> what)
    {
        if (what.Length != into.Length)
        {
            throw new ArgumentException($"expected {into.Length} visual tokens, found {what.Length}", nameof(what));
        }

        for (var i = 0; i < into.Length; i++)
        {
            into[i] += what[i];
        }
    }
}
