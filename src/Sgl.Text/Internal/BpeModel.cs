using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Sgl.Text.Internal;

/// <summary>A byte-pair encoding: vocabulary, merges in order of rank, and how what is unknown is written.</summary>
internal sealed class BpeModel
{
    /// <summary>Largest id that is believed; ids index arrays.</summary>
    public const int MaxId = (1 << 24) - 1;

    private readonly string?[] _tokens;
    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private readonly Dictionary<long, (int Rank, int Id)> _merges;
    private readonly BpeModelSettings _settings;
    private readonly int[] _byteIds = new int[256];
    private readonly int _unknownId = -1;

    public BpeModel(string file, Dictionary<string, int> vocabulary, IReadOnlyList<(string Left, string Right)> merges, BpeModelSettings settings)
    {
        _settings = settings;
        _ids = vocabulary;
        _lookup = _ids.GetAlternateLookup<ReadOnlySpan<char>>();
        if (vocabulary.Count == 0)
        {
            throw new TokenizerException(file, "vocab", "is empty");
        }

        _tokens = new string?[vocabulary.Values.Max() + 1];
        foreach (var (token, id) in vocabulary)
        {
            if (_tokens[id] is { } other)
            {
                throw new TokenizerException(file, $"vocab.{token}", $"id {id} also belongs to '{other}'");
            }

            _tokens[id] = token;
        }

        _merges = new(merges.Count);
        for (var rank = 0; rank < merges.Count; rank++)
        {
            var (left, right) = merges[rank];
            if (!vocabulary.TryGetValue(left, out var leftId) || !vocabulary.TryGetValue(right, out var rightId)
                || !vocabulary.TryGetValue(left + right, out var id))
            {
                throw new TokenizerException(file, $"merges[{rank}]", $"'{left}', '{right}' and '{left + right}' must all be in the vocabulary");
            }

            _merges[Pair(leftId, rightId)] = (rank, id);
        }

        if (settings.UnknownToken is { } unknown)
        {
            _unknownId = vocabulary.TryGetValue(unknown, out var id)
                ? id
                : throw new TokenizerException(file, "model.unk_token", $"'{unknown}' is not in the vocabulary");
        }

        for (var value = 0; value < 256; value++)
        {
            var token = settings.ByteLevel
                ? ByteAlphabet.CharOf((byte)value).ToString()
                : string.Create(CultureInfo.InvariantCulture, $"<0x{value:X2}>");
            _byteIds[value] = vocabulary.GetValueOrDefault(token, -1);
            if (_byteIds[value] < 0 && (settings.ByteLevel || settings.ByteFallback))
            {
                throw new TokenizerException(file, "vocab", $"the byte 0x{value:X2} ('{token}') is missing");
            }
        }
    }

    public int Count => _tokens.Length;

    public bool ByteLevel => _settings.ByteLevel;

    public int? IdOf(string token) => _ids.TryGetValue(token, out var id) ? id : null;

    public string? TokenOf(int id) => (uint)id < (uint)_tokens.Length ? _tokens[id] : null;

    /// <summary>The bytes of a token.</summary>
    public byte[] BytesOf(int id)
    {
        var token = TokenOf(id);
        if (token is null)
        {
            return [];
        }

        if (_settings.ByteLevel)
        {
            var bytes = new byte[token.Length];
            for (var i = 0; i < token.Length; i++)
            {
                if (!ByteAlphabet.TryGetByte(token[i], out bytes[i]))
                {
                    return Encoding.UTF8.GetBytes(token); // not made of bytes: the token is plain text
                }
            }

            return bytes;
        }

        return _settings.DecodesBytes && token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
            && byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value)
                ? [value]
                : Encoding.UTF8.GetBytes(token);
    }

    /// <summary>The ids that some text merges into, among <paramref name="candidates"/>.</summary>
    public HashSet<int> Reachable(IEnumerable<int> candidates)
    {
        var reachable = candidates.Where(id => TokenOf(id) is not null).ToHashSet();
        if (reachable.Count > 0 && !_settings.IgnoreMerges)
        {
            var merged = _merges.Values.Select(m => m.Id).ToHashSet();
            reachable.RemoveWhere(id => !merged.Contains(id) && TokenOf(id)!.Length > 1);
        }

        return reachable;
    }

    /// <summary>Encodes one word.</summary>
    /// <param name="word">The word; for a byte-level model in plain text, not in the byte alphabet.</param>
    /// <param name="avoid">Ids that must not come out; they are written as their bytes or characters.</param>
    /// <param name="ids">Receives the ids.</param>
    public void Encode(ReadOnlySpan<char> word, HashSet<int> avoid, List<int> ids)
    {
        var symbols = ArrayPool<Symbol>.Shared.Rent(Math.Max(word.Length * 3, 1));
        try
        {
            var count = _settings.ByteLevel ? ByteSymbols(word, symbols) : CharacterSymbols(word, symbols);
            if (count == 0)
            {
                return;
            }

            if (_settings.IgnoreMerges && TryWhole(word, symbols.AsSpan(0, count), out var whole) && !avoid.Contains(whole))
            {
                ids.Add(whole);
                return;
            }

            symbols[count - 1].Next = -1;
            if (avoid.Count == 0)
            {
                Merge(symbols.AsSpan(0, count), ids);
                return;
            }

            // Rare: a control token can be spelled by merges. Where that happens its letters stay apart.
            var parts = symbols.AsSpan(0, count).ToArray();
            Merge(symbols.AsSpan(0, count), []);
            for (var i = 0; i >= 0; i = symbols[i].Next)
            {
                if (!avoid.Contains(symbols[i].Id))
                {
                    ids.Add(symbols[i].Id);
                    continue;
                }

                var end = symbols[i].Next < 0 ? count : symbols[i].Next;
                foreach (var part in parts.AsSpan(i, end - i))
                {
                    ids.Add(part.Id);
                }
            }
        }
        finally
        {
            ArrayPool<Symbol>.Shared.Return(symbols);
        }
    }

    private static long Pair(int left, int right) => ((long)left << 32) | (uint)right;

    private void Merge(Span<Symbol> symbols, List<int> ids)
    {
        var table = new RankTable(_merges);
        BpeMerge.Run(symbols, ref table);
        for (var i = 0; i >= 0; i = symbols[i].Next)
        {
            ids.Add(symbols[i].Id);
        }
    }

    private int ByteSymbols(ReadOnlySpan<char> word, Symbol[] symbols)
    {
        Span<byte> utf8 = stackalloc byte[4];
        var count = 0;
        foreach (var rune in word.EnumerateRunes())
        {
            foreach (var value in utf8[..rune.EncodeToUtf8(utf8)])
            {
                symbols[count] = new(count, 1, _byteIds[value], count - 1, count + 1, false);
                count++;
            }
        }

        return count;
    }

    private int CharacterSymbols(ReadOnlySpan<char> word, Symbol[] symbols)
    {
        Span<byte> utf8 = stackalloc byte[4];
        Span<char> units = stackalloc char[2];
        var count = 0;
        foreach (var rune in word.EnumerateRunes())
        {
            if (_lookup.TryGetValue(units[..rune.EncodeToUtf16(units)], out var id))
            {
                Add(id);
            }
            else if (_settings.ByteFallback)
            {
                foreach (var value in utf8[..rune.EncodeToUtf8(utf8)])
                {
                    Add(_byteIds[value]);
                }
            }
            else if (_unknownId >= 0 && !(_settings.FuseUnknown && count > 0 && symbols[count - 1].Id == _unknownId))
            {
                Add(_unknownId);
            }
        }

        return count;

        void Add(int id)
        {
            symbols[count] = new(count, 1, id, count - 1, count + 1, false);
            count++;
        }
    }

    private bool TryWhole(ReadOnlySpan<char> word, ReadOnlySpan<Symbol> bytes, out int id)
    {
        if (!_settings.ByteLevel)
        {
            return _lookup.TryGetValue(word, out id);
        }

        // A token of the vocabulary is short: no need to spell out a very long word.
        const int Longest = 1024;
        if (bytes.Length > Longest)
        {
            id = -1;
            return false;
        }

        Span<char> spelled = stackalloc char[bytes.Length];
        for (var i = 0; i < bytes.Length; i++)
        {
            spelled[i] = _tokens[bytes[i].Id]![0];
        }

        return _lookup.TryGetValue(spelled, out id);
    }

    /// <summary>Merges by the rank of the pair.</summary>
    private readonly struct RankTable(Dictionary<long, (int Rank, int Id)> merges) : IMergeTable
    {
        public bool TryGet(in Symbol left, in Symbol right, out double rank, out int id)
        {
            ref var merge = ref CollectionsMarshal.GetValueRefOrNullRef(merges, Pair(left.Id, right.Id));
            if (System.Runtime.CompilerServices.Unsafe.IsNullRef(ref merge))
            {
                rank = 0;
                id = -1;
                return false;
            }

            (rank, id) = merge;
            return true;
        }

        public void Merged(in Symbol left, in Symbol right, int id)
        {
        }
    }
}

/// <summary>The switches of a byte-pair encoding.</summary>
internal sealed record BpeModelSettings
{
    /// <summary>The vocabulary is written in <see cref="ByteAlphabet"/>, and words start as bytes; otherwise as characters.</summary>
    public required bool ByteLevel { get; init; }

    /// <summary>Characters that are not in the vocabulary become byte tokens like <c>&lt;0x0A&gt;</c>.</summary>
    public bool ByteFallback { get; init; }

    /// <summary>Byte tokens like <c>&lt;0x0A&gt;</c> are decoded to the byte.</summary>
    public bool DecodesBytes { get; init; }

    /// <summary>A word that is in the vocabulary as a whole is taken as such, whatever the merges say.</summary>
    public bool IgnoreMerges { get; init; }

    /// <summary>A run of unknown characters is one unknown token.</summary>
    public bool FuseUnknown { get; init; }

    /// <summary>The token of unknown characters, or null: they vanish.</summary>
    public string? UnknownToken { get; init; }
}
