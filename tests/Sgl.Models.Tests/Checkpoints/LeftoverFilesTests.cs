using Sgl.TestKit;
using Sgl.Text;

namespace Sgl.Models.Tests.Checkpoints;

/// <summary>Folders as they come from downloads, merges and fine-tuning: pointers in place of files, an old index, a head of its own.</summary>
public sealed class LeftoverFilesTests
{
    private const string Pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 4997750728\n";

    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("config.json")]
    [InlineData("generation_config.json")]
    [InlineData("preprocessor_config.json")]
    [InlineData("tokenizer.json")]
    [InlineData("tokenizer_config.json")]
    public void Open_GitLfsPointer_IsNamedAsSuch(string file)
    {
        using var folder = new TinyFolder().Write();
        folder.Files.Text(file, Pointer);
        var problem = Assert.Single(folder.OpenFails().Problems, p => p.File == file);
        Assert.Contains(GitLfsPointer.Description, problem.Found, StringComparison.Ordinal);
        Assert.Contains("git lfs pull", problem.Found, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_PointersInPlaceOfShards_NamesEachShardAndNothingElse()
    {
        using var folder = new TinyFolder();
        folder.Files.Json("config.json", folder.Config).Sharded(folder.Tensors, 2000);
        var shards = Directory.GetFiles(folder.Files.Path, "*.safetensors").Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal).ToArray();
        foreach (var shard in shards)
        {
            folder.Files.Text(shard, Pointer);
        }

        var problems = folder.OpenFails().Problems;
        Assert.Equal(shards, problems.Select(p => p.File));
        Assert.All(problems, p => Assert.Equal(GitLfsPointer.Description, p.Found));
    }

    [Fact]
    public void Open_PointerBehindALinkAndOfTheOldName_IsNamed()
    {
        using var folder = new TinyFolder().Write();
        folder.Files.Text("blob", Pointer.Replace("git-lfs.github.com", "hawser.github.com", StringComparison.Ordinal));
        File.Delete(folder.Files.File("model.safetensors"));
        File.CreateSymbolicLink(folder.Files.File("model.safetensors"), "blob");
        Assert.Equal(GitLfsPointer.Description, Assert.Single(folder.OpenFails().Problems).Found);
        Assert.Equal(GitLfsPointer.Description, Assert.Throws<CheckpointException>(() => TensorStore.OpenFile(folder.Files.File("model.safetensors"))).Found);
    }

    [Theory]
    [InlineData("tokenizer.model", "LlamaTokenizer")]
    [InlineData("merges.txt", "Qwen2Tokenizer")]
    [InlineData("vocab.json", "Qwen2Tokenizer")]
    public void TokenizerOpen_GitLfsPointer_IsNamedAsSuch(string file, string className)
    {
        using var folder = new TestFolder();
        folder.Text("tokenizer_config.json", $$"""{"tokenizer_class":"{{className}}"}""").Text("vocab.json", "{}").Text("merges.txt", string.Empty).Text(file, Pointer);
        var error = Assert.Throws<TokenizerException>(() => TokenizerLoader.Open(folder.Path));
        Assert.Equal(folder.File(file), error.File);
        Assert.Contains("git lfs pull", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"weight_map":{"x":"model-00001-of-00002.safetensors","y":"model-00002-of-00002.safetensors"}}""")]
    [InlineData("""{"weight_map":{"x":"model.safetensors","y":"model.safetensors"}}""")]
    [InlineData("""{"weight_map":{"x":"model.safetensors","y":"gone.safetensors"}}""")]
    [InlineData("""{"weight_map":{}}""")]
    [InlineData(Pointer)]
    [InlineData("not JSON")]
    public void Open_WholeFileBesideAStaleIndex_Loads(string index)
    {
        using var folder = new TinyFolder().Write();
        folder.Files.Text("model.safetensors.index.json", index);
        using var checkpoint = folder.Open();
        Assert.Equal(folder.Tensors.Count, checkpoint.Weights.Names.Count);
    }

    [Fact]
    public void Open_OldShardsAndIndexBesideTheWholeFile_AreNotRead()
    {
        using var folder = new TinyFolder();
        folder.Files.Json("config.json", folder.Config).Sharded([.. folder.Tensors.Select(t => ($"old.{t.Name}", t.Shape))], 2000);
        using var checkpoint = folder.Write().Open();
        Assert.All(checkpoint.Weights.Entries, e => Assert.Equal("model.safetensors", e.File));
        Assert.Empty(checkpoint.UnusedTensors);
    }

    [Fact]
    public void Open_IndexThatContinuesTheFile_IsFollowed()
    {
        using var folder = new TestFolder();
        folder.Weights("model.safetensors", [("x", [2])]).Weights("model-extra.safetensors", [("y", [2])])
            .Text("model.safetensors.index.json", """{"weight_map":{"x":"model.safetensors","y":"model-extra.safetensors"}}""");
        using var store = TensorStore.Open(folder.Path);
        Assert.Equal(["x", "y"], store.Names.Order());
    }

    [Theory]
    [InlineData(-1L, true)] // the last of the head's elements differs
    [InlineData(0L, true)]
    [InlineData(null, false)]
    public void Open_StoredHeadBesideATiedOne_IsUsedWhereItDiffers(long? changed, bool used)
    {
        using var folder = TiedQwen2Vl([264, 16], changed);
        using var checkpoint = Checkpoint.Open(folder.Path);
        Assert.Equal(used, checkpoint.HeadUntied);
        Assert.Equal(used ? "lm_head.weight" : "model.embed_tokens.weight", checkpoint.Decoder.Head);
        Assert.Equal(!used, checkpoint.Config.Language.TiedHead);
        Assert.Empty(checkpoint.UnusedTensors);
    }

    [Fact]
    public void Open_StoredHeadOfAnotherShapeBesideATiedOne_IsNamedAndNotUsed()
    {
        using var folder = TiedQwen2Vl([260, 16], null);
        using var checkpoint = Checkpoint.Open(folder.Path);
        Assert.False(checkpoint.HeadUntied);
        Assert.Equal(["lm_head.weight"], checkpoint.UnusedTensors);
    }

    [Theory]
    [InlineData("""{"top_k":-1,"top_p":1.0,"temperature":0,"do_sample":true}""")]
    [InlineData("""{"top_k":0,"top_p":0,"temperature":null,"do_sample":null,"eos_token_id":null}""")]
    [InlineData("""{"top_k":null,"top_p":-1,"temperature":-1,"repetition_penalty":0,"eos_token_id":-1}""")]
    [InlineData("""{"top_k":-1.0,"top_p":2,"repetition_penalty":-1,"eos_token_id":[-1]}""")]
    [InlineData("""{"top_k":1e30,"repetition_penalty":1.0}""")]
    public void Open_GenerationSettingsThatMeanOff_DoNotRefuseTheFolder(string json)
    {
        using var folder = new TinyFolder().Write();
        folder.Files.Text("generation_config.json", json);
        using var checkpoint = folder.Open();
        Assert.Null(checkpoint.Generation.TopK);
        Assert.True(checkpoint.Generation.TopP is null or 1);
        Assert.True(checkpoint.Generation.Temperature is null or 0);
        Assert.Equal([2], checkpoint.Generation.StopTokenIds); // llm_config's, since this file names none
    }

    [Theory]
    [InlineData("top_k", "\"50\"")]
    [InlineData("temperature", "\"off\"")]
    [InlineData("repetition_penalty", "[]")]
    public void Open_GenerationSettingOfAnotherType_IsStillNamed(string key, string json)
    {
        using var folder = new TinyFolder().Write();
        folder.Files.Text("generation_config.json", $$"""{"{{key}}":{{json}}}""");
        var problem = Assert.Single(folder.OpenFails().Problems);
        Assert.Equal(("generation_config.json", key, "a number"), (problem.File, problem.Key, problem.Expected));
    }

    private static TestFolder TiedQwen2Vl(long[] headShape, long? changed)
    {
        var tensors = new SpecTensors().Qwen2VlVisual("visual.", 16, 1, 64, 16).Separate("model.", null, 1, 16, 2, 1, 8, 24, 264, bias: true);
        tensors.Add("lm_head.weight", headShape); // the last in the file
        var folder = new TestFolder()
            .Text("config.json", """
                {"model_type":"qwen2_vl","hidden_size":16,"intermediate_size":24,"num_attention_heads":2,"num_hidden_layers":1,"num_key_value_heads":1,
                "vocab_size":264,"image_token_id":261,"tie_word_embeddings":true,
                "rope_scaling":{"type":"mrope","mrope_section":[2,1,1]},"vision_config":{"embed_dim":16,"num_heads":2,"depth":1,"hidden_size":16}}
                """)
            .Weights("model.safetensors", tensors);
        if (changed is { } element)
        {
            using var file = File.OpenWrite(folder.File("model.safetensors"));
            file.Seek((element < 0 ? element : element - (headShape[0] * headShape[1])) * 2, SeekOrigin.End);
            file.Write([0x80, 0x3F]); // 1 in bfloat16
        }

        return folder;
    }
}
