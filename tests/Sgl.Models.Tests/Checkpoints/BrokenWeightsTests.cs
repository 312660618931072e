using Sgl.TestKit;

namespace Sgl.Models.Tests.Checkpoints;

/// <summary>Each broken file gives a problem that names file, tensor, expected and found.</summary>
public sealed class BrokenWeightsTests
{
    private const string Norm = "language_model.model.norm.weight";

    public static TheoryData<string, int, CheckpointProblem> Headers => new()
    {
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 4, new("m", null, "70 bytes", "66 bytes (truncated)") },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 9, new("m", null, "70 bytes", "71 bytes (data behind the last tensor)") },
        { """{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, new("m", "a", "12 bytes for F32 [3]", "data_offsets of 8 bytes") },
        { """{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}""", 8, new("m", "a", "fewer than 2^63 bytes for F32 [4611686018427387904, 4]", "data_offsets of 8 bytes") },
        { """{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, new("m", "a", "a shape of non-negative integers", "[-2]") },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, new("m", "a", "data_offsets [begin, end] with begin <= end", "[8,0]") },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9223372036854775807]}}""", 8, new("m", "a", "data_offsets [begin, end] with begin <= end", "[0,9223372036854775807]") },
        { """{"a":{"dtype":"F8_E5M2","shape":[8],"data_offsets":[0,8]}}""", 8, new("m", "a", "a dtype of F32, F16, BF16, F64, I64, I32, U8, I8, F8_E4M3, BOOL", "\"F8_E5M2\"") },
        { """{"a":{"dtype":"F32","shape":[2]}}""", 8, new("m", "a", "an object with dtype, shape and data_offsets", "Object") },
        { """{"a":7}""", 0, new("m", "a", "an object with dtype, shape and data_offsets", "Number") },
        { """[]""", 0, new("m", null, "a header that is a JSON object", "Array") },
        { """{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}""", 6, new("m", "b", "data from byte 4 on, where the tensor before it ends", "data from byte 2 on (overlapping)") },
        { """{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[6,10]}}""", 10, new("m", "b", "data from byte 4 on, where the tensor before it ends", "data from byte 6 on (a hole)") },
    };

    [Theory]
    [MemberData(nameof(Headers))]
    public void Open_BrokenHeader_NamesFileTensorExpectedFound(string header, int dataBytes, CheckpointProblem expected)
    {
        using var folder = new TestFolder().Raw("model.safetensors", header, dataBytes);
        var problems = Assert.Throws<CheckpointException>(() => TensorStore.Open(folder.Path)).Problems;

        // A tensor whose entry is unreadable also leaves its data unaccounted for.
        Assert.Contains(expected with { File = "model.safetensors" }, problems);
        Assert.All(problems, p => Assert.Equal("model.safetensors", p.File));
    }

    [Theory]
    [InlineData("{\"a\":", "a header of valid JSON without duplicate tensors")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", "a header of valid JSON without duplicate tensors")]
    public void Open_HeaderIsNoJson_NamesFile(string header, string expected)
    {
        using var folder = new TestFolder().Raw("model.safetensors", header, 0);
        var problem = Assert.Single(Assert.Throws<CheckpointException>(() => TensorStore.Open(folder.Path)).Problems);
        Assert.Equal(("model.safetensors", null, expected), (problem.File, problem.Key, problem.Expected));
    }

    [Theory]
    [InlineData(new byte[0], null, "at least 8 bytes of safetensors header length", "0 bytes")]
    [InlineData(new byte[] { 1, 0, 0 }, null, "at least 8 bytes of safetensors header length", "3 bytes")]
    [InlineData(new byte[] { 255, 255, 255, 255, 255, 255, 255, 255, 1, 2 }, "header length", "from 2 to 2", "18446744073709551615")]
    [InlineData(new byte[] { 3, 0, 0, 0, 0, 0, 0, 0, 1, 2 }, "header length", "from 2 to 2", "3")]
    [InlineData(new byte[] { 0, 0, 0, 0, 0, 0, 0, 0, 1, 2 }, "header length", "from 2 to 2", "0")]
    public void Open_BrokenLength_NamesFileExpectedFound(byte[] bytes, string? key, string expected, string found)
    {
        using var folder = new TestFolder();
        File.WriteAllBytes(folder.File("model.safetensors"), bytes);
        var problem = Assert.Single(Assert.Throws<CheckpointException>(() => TensorStore.Open(folder.Path)).Problems);
        Assert.Equal(new CheckpointProblem("model.safetensors", key, expected, found), problem);
    }

    [Fact]
    public void Open_WrongShape_NamesTensorExpectedFound()
    {
        using var folder = new TinyFolder();
        folder.Tensors[folder.Tensors.FindIndex(t => t.Name == Norm)] = (Norm, [17]);
        Assert.Equal(new CheckpointProblem("model.safetensors", Norm, "shape [16]", "[17]"), Assert.Single(folder.Write().OpenFails().Problems));
    }

    [Fact]
    public void Open_MissingTensors_NamesAll()
    {
        using var folder = new TinyFolder();
        folder.Tensors.RemoveAll(t => t.Name.Contains("layers.1.", StringComparison.Ordinal));
        var problems = folder.Write().OpenFails().Problems;
        Assert.Equal(7, problems.Count);
        Assert.Contains(new CheckpointProblem("*.safetensors", "language_model.model.layers.1.attention.wqkv.weight", "a tensor [32, 16]", "no such tensor"), problems);
    }

    [Fact]
    public void Open_IntegerWeights_AreRefused()
    {
        using var folder = new TinyFolder();
        folder.Files.Json("config.json", folder.Config);
        var entries = folder.Tensors.Select((t, i) => (t.Name, Bytes: t.Shape.Aggregate(4L, (a, b) => a * b), t.Shape)).ToArray();
        long offset = 0;
        var header = "{" + string.Join(',', entries.Select(e => $"\"{e.Name}\":{{\"dtype\":\"{(e.Name == Norm ? "I32" : "F32")}\",\"shape\":[{string.Join(',', e.Shape)}],\"data_offsets\":[{offset},{offset += e.Bytes}]}}")) + "}";
        folder.Files.Raw("model.safetensors", header, offset);
        Assert.Equal(new CheckpointProblem("model.safetensors", Norm, "a floating-point dtype", "I32"), Assert.Single(folder.OpenFails().Problems));
    }

    [Fact]
    public void Open_ExtraTensors_AreListedButKnownOnesAreNot()
    {
        using var folder = new TinyFolder();
        folder.Tensors.Add("language_model.model.layers.0.attention.rotary_emb.inv_freq", 2);
        folder.Tensors.Add("adapter.weight", 3);
        folder.Tensors.Add("adapter.bias", 3);
        using var checkpoint = folder.Write().Open();
        Assert.Equal(["adapter.bias", "adapter.weight"], checkpoint.UnusedTensors);
    }

    [Fact]
    public void Open_SigLipLayersBehindTheLast_AreIgnoredSilently()
    {
        using var folder = new TestFolder();
        folder.Text("config.json", RealConfigs.LlavaOv_05B_Original);
        const string Tower = "model.vision_tower.vision_tower.vision_model.";
        var tensors = new SpecTensors().SigLip(Tower, "model.mm_projector.0", "model.mm_projector.2", "model.image_newline", 1152, 27, 4304, 729, 896)
            .Separate("model.", "lm_head.weight", 24, 896, 14, 2, 64, 4864, 151936, bias: true);
        tensors.Add(Tower + "head.probe", 1, 1, 1152);
        folder.Weights("model.safetensors", tensors);
        using var checkpoint = Checkpoint.Open(folder.Path);
        Assert.Empty(checkpoint.UnusedTensors);
        Assert.Equal(26, checkpoint.Vision.Blocks.Count);
        Assert.Equal("model.embed_tokens.weight", checkpoint.Decoder.Head);
    }

    [Fact]
    public void Open_MissingShard_NamesIt()
    {
        using var folder = new TinyFolder();
        folder.Files.Json("config.json", folder.Config).Sharded(folder.Tensors, 2000);
        var shard = folder.Files.DeleteShard(1);
        Assert.Equal(
            new CheckpointProblem(shard, null, "the shard that model.safetensors.index.json names to exist", "no such file"),
            Assert.Single(folder.OpenFails().Problems));
    }

    [Fact]
    public void Open_ShardsWithoutIndex_AreReadWhenComplete()
    {
        using var folder = new TinyFolder();
        folder.Files.Json("config.json", folder.Config).Sharded(folder.Tensors, 2000);
        File.Delete(folder.Files.File("model.safetensors.index.json"));
        folder.Open().Dispose();
        var shard = folder.Files.DeleteShard(2);
        Assert.Equal(new CheckpointProblem(shard, null, "the shard to exist", "no such file"), Assert.Single(folder.OpenFails().Problems));
    }

    [Fact]
    public void Open_IndexNamesAbsentTensor_NamesIt()
    {
        using var folder = new TestFolder();
        folder.Weights("a.safetensors", [("x", [2])]).Weights("b.safetensors", [("y", [2])])
            .Text("model.safetensors.index.json", """{"weight_map":{"x":"a.safetensors","y":"a.safetensors","z":"b.safetensors"}}""");
        var problems = Assert.Throws<CheckpointException>(() => TensorStore.Open(folder.Path)).Problems;
        Assert.Equal(
            [
                new CheckpointProblem("model.safetensors.index.json", "weight_map.y", "the tensor in a.safetensors", "it in b.safetensors"),
                new CheckpointProblem("model.safetensors.index.json", "weight_map.z", "the tensor in b.safetensors", "no such tensor"),
            ],
            problems);
    }

    [Fact]
    public void Open_TensorInTwoShards_NamesBoth()
    {
        using var folder = new TestFolder();
        folder.Weights("a.safetensors", [("x", [2]), ("w", [2])]).Weights("b.safetensors", [("y", [2]), ("w", [2])])
            .Text("model.safetensors.index.json", """{"weight_map":{"x":"a.safetensors","y":"b.safetensors","w":"a.safetensors"}}""");
        var problem = Assert.Single(Assert.Throws<CheckpointException>(() => TensorStore.Open(folder.Path)).Problems);
        Assert.Equal(new CheckpointProblem("b.safetensors", "w", "each tensor in one file", "the tensor in a.safetensors too"), problem);
    }

    [Theory]
    [InlineData("\"../../secret.safetensors\"")]
    [InlineData("\"/etc/x.safetensors\"")]
    [InlineData("\"model.bin\"")]
    [InlineData("7")]
    public void Open_IndexPointsElsewhere_IsRefused(string shard)
    {
        using var folder = new TestFolder();
        folder.Text("model.safetensors.index.json", $$$"""{"weight_map":{"x":{{{shard}}}}}""");
        var problems = Assert.Throws<CheckpointException>(() => TensorStore.Open(folder.Path)).Problems;
        Assert.Contains(problems, p => p.Key == "weight_map.x" && p.File == "model.safetensors.index.json");
    }

    [Theory]
    [InlineData("pytorch_model.bin", "only pytorch_model.bin; pickled weights can run code and are never read, only safetensors are")]
    [InlineData(null, "no safetensors file")]
    public void Open_NoSafetensors_SaysWhatIsRead(string? file, string found)
    {
        using var folder = new TestFolder();
        if (file is not null)
        {
            folder.Text(file, "pickle");
        }

        var problem = Assert.Single(Assert.Throws<CheckpointException>(() => TensorStore.Open(folder.Path)).Problems);
        Assert.Equal(new CheckpointProblem(".", null, "model.safetensors, or *.safetensors.index.json with its shards", found), problem);
    }

    [Fact]
    public void Open_NoFolder_SaysSo()
    {
        var error = Assert.Throws<CheckpointException>(() => Checkpoint.Open(Path.Combine(Path.GetTempPath(), "sgl-there-is-no-such-folder")).Dispose());
        Assert.Equal(new CheckpointProblem(".", null, "a folder", "nothing"), Assert.Single(error.Problems));
    }
}
