namespace Sgl.Inference.Internal.Decoding;

/// <summary>
/// Tokens with weights, in falling order only as far as a draw needs it: selection splits the candidates around a pivot and goes on in the part that holds
/// what is looked for, so a vocabulary is never sorted. Equal weights stand in the order of their ids.
/// </summary>
/// <param name="capacity">Most candidates.</param>
internal sealed class Candidates(int capacity)
{
    private readonly float[] _weights = new float[capacity];
    private readonly int[] _ids = new int[capacity];
    private int _count;

    /// <summary>Number of candidates.</summary>
    public int Count => _count;

    /// <summary>Forgets all.</summary>
    public void Clear() => _count = 0;

    /// <summary>Adds a token.</summary>
    public void Add(int id, float weight)
    {
        _ids[_count] = id;
        _weights[_count++] = weight;
    }

    /// <summary>Forgets all but the <paramref name="k"/> heaviest.</summary>
    public void KeepTop(int k)
    {
        int begin = 0, end = _count;
        while (k < _count && end - begin > 1)
        {
            var split = Partition(begin, end);
            if (split < k)
            {
                begin = split;
            }
            else if (split > k)
            {
                end = split;
            }
            else
            {
                break;
            }
        }

        _count = Math.Min(_count, k);
    }

    /// <summary>Sum of all weights.</summary>
    public double Total()
    {
        var total = 0.0;
        for (var i = 0; i < _count; i++)
        {
            total += _weights[i];
        }

        return total;
    }

    /// <summary>
    /// Walks down from the heaviest until the weights add up to at least <paramref name="mass"/>.
    /// </summary>
    /// <returns>The last token of the walk, and the sum with it.</returns>
    public (int Id, double Sum) Walk(double mass)
    {
        int begin = 0, end = _count;
        var before = 0.0;
        while (end - begin > 1)
        {
            var split = Partition(begin, end);
            var left = before;
            for (var i = begin; i < split; i++)
            {
                left += _weights[i];
            }

            // Rounding may leave the whole a little short of what was asked for: then the lightest is the last.
            if (left >= mass)
            {
                end = split;
            }
            else
            {
                before = left;
                begin = split;
            }
        }

        return (_ids[begin], before + _weights[begin]);
    }

    /// <summary>Splits [begin, end) of at least two into two parts that are not empty, heavier tokens first; returns where the second begins.</summary>
    private int Partition(int begin, int end)
    {
        // The middle of three keeps ordered input from being the worst case.
        var middle = begin + ((end - begin) / 2);
        if (Before(middle, begin))
        {
            Swap(middle, begin);
        }

        if (Before(end - 1, begin))
        {
            Swap(end - 1, begin);
        }

        if (Before(end - 1, middle))
        {
            Swap(end - 1, middle);
        }

        var (weight, id) = (_weights[middle], _ids[middle]);
        int i = begin - 1, j = end;
        while (true)
        {
            do
            {
                i++;
            }
            while (_weights[i] > weight || (_weights[i] == weight && _ids[i] < id));
            do
            {
                j--;
            }
            while (_weights[j] < weight || (_weights[j] == weight && _ids[j] > id));
            if (i >= j)
            {
                return j + 1 < end ? j + 1 : j;
            }

            Swap(i, j);
        }
    }

    private bool Before(int a, int b) => _weights[a] > _weights[b] || (_weights[a] == _weights[b] && _ids[a] < _ids[b]);

    private void Swap(int a, int b)
    {
        (_weights[a], _weights[b]) = (_weights[b], _weights[a]);
        (_ids[a], _ids[b]) = (_ids[b], _ids[a]);
    }
}
